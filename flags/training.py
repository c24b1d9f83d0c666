"""Flags of both training scripts."""

from __future__ import annotations

from absl import flags as absl_flags

from flags import losses
from flags.flag import Define, definer
from flags.names import (
    MARGIN_ATTACKS,
    NORMS,
    OPTIMIZER_SPELLINGS,
    OPTIMIZERS,
    POLICIES,
    POLICY_SPELLINGS,
    SELECTIONS,
)
from flags.parsers import Boolean, Integer, Name, Number, Parser


def define(flag_values: absl_flags.FlagValues) -> None:
    """Enters what standard and adversarial training share."""
    _define_network(definer(flag_values, "Network"))
    losses.define(flag_values)
    _define_recipe(definer(flag_values, "Recipe"))
    _define_data(definer(flag_values, "Training images"))
    _define_selection(definer(flag_values, "Margins"))
    _define_run(definer(flag_values, "Run"))


def _define_network(define: Define) -> None:
    define(
        "model",
        Name(),
        None,
        "The backbone: resnetD (D = 6n+2), resnetDv2 (D = 9n+2), wrn-D-K (wrn-28-10), mnist, lenet5.",
        default_text="resnet32; without --version, mnist for mnist and fashion_mnist, lenet5 for digits",
    )
    define(
        "version",
        Integer(minimum=1, maximum=2),
        None,
        "Version of the ResNet; with 2, resnet32 is the original's, which has 47 layers.",
        default_text="the model name's, else 1",
    )
    define(
        "feature_dim",
        Integer(minimum=1),
        None,
        "Dimension d of the features z.",
        default_text="64 for ResNet v1 and lenet5 (256 if the classes' simplex does not fit), 256 for v2, "
        "64 K for wrn-D-K, 200 for mnist",
    )
    define(
        "is_2d_demo",
        Boolean(),
        False,
        "Features to look at: --feature_dim=2, and --dataset=mnist --centers=spread unless given.",
    )
    define(
        "use_bn",
        Boolean(),
        None,
        "Batch normalization.",
        default_text="true; false in mnist and lenet5",
        aliases=("use_BN",),
    )
    define("use_dense", Boolean(), True, "The auxiliary dense layer after average pooling.")
    define("use_leaky", Boolean(), False, "Leaky ReLU (slope 0.1) instead of ReLU.")
    define(
        "dropout",
        Number(minimum=0, below=1),
        None,
        "Fraction of units dropped before the features.",
        default_text="0.5 in mnist, else 0",
    )
    define(
        "zca_whitening",
        Boolean(),
        False,
        "ZCA whitening (epsilon 1e-6) as a layer inside the model; the original never applied it.",
    )


def _define_recipe(define: Define) -> None:
    define(
        "learning_policy",
        Name(POLICY_SPELLINGS, keep_case=True),
        None,
        f"How the learning rate falls: {', '.join(POLICIES)}. MMC-C and MMC-M also select the loss MMC.",
        default_text="MMC-C for CIFAR, else MMC-M",
        aliases=("lp",),
    )
    define(
        "epochs",
        Integer(minimum=1),
        None,
        "Passes over the training images.",
        default_text="the learning policy's, 200 for MMC-C, 50 for MMC-M",
    )
    define(
        "optimizer",
        Name(OPTIMIZER_SPELLINGS, choices=OPTIMIZERS),
        "sgd",
        "How the weights move; `mom` means sgd.",
    )
    define(
        "lr",
        Number(above=0),
        0.01,
        "Learning rate before any decay.",
        aliases=("LR", "learning_rate"),
    )
    define("momentum", Number(minimum=0, below=1), 0.9, "Momentum of sgd, β₁ of adam.", aliases=("mom",))
    define("nesterov", Boolean(), False, "Nesterov's form of the momentum, for sgd.")
    define(
        "weight_decay",
        Number(minimum=0),
        1e-4,
        "λ of the penalty λΣw² on convolutions (Keras' convention: its gradient is 2λw).",
        aliases=("wd",),
    )
    define(
        "warmup_steps", Integer(minimum=0), 200, "Steps over which the learning rate rises from 0; 0 = none."
    )
    define("clip_norm", Number(minimum=0), 10.0, "Largest global norm of the gradient; 0 = no limit.")
    define("max_steps", Integer(minimum=0), 0, "Stop after so many steps; 0 = when the epochs are done.")


def _define_data(define: Define) -> None:
    define(
        "train_size",
        Integer(minimum=1),
        None,
        "Use only so many training images.",
        default_text="all",
        aliases=("examples",),
    )
    define(
        "validation_size",
        Integer(minimum=0),
        None,
        "Hold out the first so many training images for monitoring and selection.",
        default_text="0; 5,000 (digits: 200) with --selection=margin",
    )
    define(
        "flip",
        Boolean(),
        None,
        "Flip half of the training images horizontally.",
        default_text="true for CIFAR, else false",
    )
    define(
        "shift",
        Number(minimum=0, below=1),
        None,
        "Largest random shift of a training image, as a fraction of its size.",
        default_text="0.1; 0 for digits",
    )


def _define_selection(define: Define) -> None:
    define(
        "selection",
        Name(choices=SELECTIONS),
        None,
        "Which weights the finished run has: the last ones, or those of the epoch with the largest average margin of "
        "the held-out images.",
        default_text="margin for the methods mma and omma, else last",
    )
    define(
        "selection_examples",
        Integer(minimum=1),
        None,
        "Use only so many held-out images for the selection.",
        default_text="all",
    )
    define(
        "margin_norm",
        Name(choices=NORMS[:2]),
        None,
        "Norm of the margins that are measured.",
        default_text="that of the adversarial training, else linf",
    )
    define(
        "margin_steps",
        Integer(minimum=1),
        None,
        "Steps of the attack that measures margins.",
        default_text="AN-PGD: 10 for CIFAR, else 40; DDN: 1,000",
    )
    define(
        "track_margins",
        Integer(minimum=0),
        0,
        "Record the margins of so many random training images after every epoch.",
    )
    define(
        "margin_attack",
        Name(choices=MARGIN_ATTACKS),
        "an_pgd",
        "What measures the recorded margins; ddn in l2 alone.",
    )


def _define_run(define: Define) -> None:
    define(
        "precision",
        Name(choices=("float32", "mixed_bfloat16", "mixed_float16", "auto")),
        "float32",
        "Number format of the layers; the head and the loss stay in float32. auto: float32 or mixed_bfloat16, "
        "whichever is the faster on this machine, by measurement.",
    )
    define(
        "strategy",
        Name(choices=("auto", "none", "mirrored", "multi_worker")),
        "auto",
        "Devices: one, all GPUs of this machine, or several machines by TF_CONFIG.",
    )
    define("deterministic", Boolean(), False, "The same weights bit for bit at every run; slower on a GPU.")
    define(
        "run_name",
        Parser(),
        None,
        "Name of the run's folder inside --runs_dir.",
        default_text="made of loss, model and data set, and of seed and learning rate if given",
        aliases=("m", "description"),
    )
    define("resume", Boolean(), False, "Go on with a run that was interrupted; the plan says from where.")
    define("overwrite", Boolean(), False, "Replace a run of the same name.")
    define(
        "checkpoint_every",
        Integer(minimum=0),
        0,
        "Save a checkpoint every so many steps; 0 = at the end of every epoch only.",
    )
    define("tensorboard", Boolean(), False, "Also write TensorBoard's event files.")
