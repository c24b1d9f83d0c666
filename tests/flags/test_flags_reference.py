import inspect
import re

import pytest

from flags import names
from flags.cli import define_all, parse
from flags.flag import aliases_of, own_flags
from flags.reference import PAGE, TITLES, updated
from flags.scripts import EVAL_ATTACKS, SCRIPTS, TRAIN_AT
from mmc_tf.data import names as dataset_names
from mmc_tf.evaluation.presets import PRESETS
from mmc_tf.training.schedules import POLICIES

# Every flag that the sources' scripts define.
ORIGINAL_TRAINING = (
    "batch_size mean_var optimizer version lr feature_dim is_2d_demo use_ball use_MMLDA use_BN use_random"
    " use_dense use_leaky dataset adv_ratio attack_method use_target"
)
ORIGINAL_EVALUATION = (
    "batch_size optimizer mean_var attack_method attack_method_for_advtrain version lr target"
    " use_target num_iter use_ball use_MMLDA use_advtrain adv_ratio epoch use_BN dataset"
    " normalize_output_for_ball use_random use_dense use_leaky CW_confidence SPSA_epsilon"
    " is_calculate_auc is_auc_metric_softmax_for_MMC model_1 model_2 mean_var_1"
    " attack_method_for_advtrain_1 use_target_1 use_ball_1 use_MMLDA_1 use_advtrain_1 adv_ratio_1"
    " normalize_output_for_ball_1"
)
REIMPLEMENTATION = (
    "scale optimizer momentum weight_decay lr learning_policy epochs batch_size transform resume progress"
    " log2file log2console seed description loss attack epsilon stepsize steps"
)


ORIGINAL = PAGE.with_name("original.md")


def original_tables():
    """What the page on the original says of its training and of its evaluation scripts' flags."""
    before, evaluation = ORIGINAL.read_text(encoding="utf-8").split("\n## `advtest_")
    return before.split("\n## `train.py`")[1], evaluation


def section(title):
    return PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_page_is_current():
    page = PAGE.read_text(encoding="utf-8")
    assert updated(page) == page, "run `python -m flags`"


def test_the_page_has_every_flag_of_every_script():
    page = PAGE.read_text(encoding="utf-8")
    for script in SCRIPTS:
        for flag in own_flags(define_all(script.definitions)):
            assert flag.room in TITLES
            assert f"| `--{flag.name}` |" in page


def test_the_page_maps_every_flag_of_the_sources():
    training, evaluation = original_tables()
    reimplementation = section("From the PyTorch reimplementation")
    for text, wanted in (
        (training, ORIGINAL_TRAINING),
        (evaluation, ORIGINAL_EVALUATION),
        (reimplementation, REIMPLEMENTATION),
    ):
        assert [name for name in wanted.split() if f"`--{name}`" not in text] == []


def test_the_page_maps_to_flags_that_exist():
    known = {name for script in SCRIPTS for name in define_all(script.definitions)} | {"help", "flagfile"}
    known |= {f"no{name}" for name in known}
    tables = "".join(original_tables())
    theirs = {name for name in f"{ORIGINAL_TRAINING} {ORIGINAL_EVALUATION}".split()}
    ours = set(re.findall(r"`--([a-z_0-9A-Z]+)", tables)) - theirs
    assert ours <= known


def test_every_original_training_flag_is_accepted():
    known = define_all(TRAIN_AT.definitions)
    assert [name for name in ORIGINAL_TRAINING.split() if name not in known] == []


def test_every_original_evaluation_flag_is_accepted_but_those_that_the_original_overwrites():
    known = define_all(EVAL_ATTACKS.definitions)
    refused = [name for name in ORIGINAL_EVALUATION.split() if name not in known]
    assert refused == [
        name for name in ORIGINAL_EVALUATION.split() if name.endswith("_1") and name != "model_1"
    ]


def test_every_flag_has_a_help_text():
    for script in SCRIPTS:
        flag_values = define_all(script.definitions)
        for flag in own_flags(flag_values):
            assert flag.help.endswith(".")
            assert flag.name == flag.name.lower()
            assert all(alias.parser is flag.parser for alias in aliases_of(flag_values, flag.name))


def test_a_number_without_a_default_says_what_it_comes_to():
    undecided = {"data_dir", "use_mmlda", "use_ball", "use_random", "preset", "transfer_from", "ensemble"}
    for script in SCRIPTS:
        silent = {
            flag.name for flag in own_flags(define_all(script.definitions)) if flag.default_text == "none"
        }
        assert silent <= undecided


def test_names_are_the_librarys():
    assert set(names.DATASETS) == set(dataset_names())
    # MMA is resolved by data set, to MMA-MNIST or MMA-CIFAR.
    assert set(names.POLICIES) - {"MMA"} == set(POLICIES)


def test_names_of_attacks_objectives_and_methods_are_the_librarys():
    attacks = pytest.importorskip("mmc_tf.attacks")
    recipes = pytest.importorskip("mmc_tf.training.recipes")
    assert {name: set(attacks.get(name).norms) for name in attacks.names()} == {
        name: set(norms) for name, norms in names.ATTACK_NORMS.items()
    }
    assert set(attacks.objectives) == set(names.OBJECTIVES)
    adversarial = [
        name for name in recipes.METHODS if recipes.METHODS.get(name) is not recipes.StandardTraining
    ]
    assert set(adversarial) == set(names.METHODS)
    assert set(PRESETS) == set(names.PRESETS)


def test_documented_defaults_are_the_losses():
    losses = pytest.importorskip("mmc_tf.losses")
    shown = {flag.name: flag.default_text for flag in own_flags(define_all(TRAIN_AT.definitions))}
    for flag, loss, argument in (
        ("center_weight", "Center", "weight"),
        ("center_alpha", "Center", "alpha"),
        ("lgm_margin", "LGM", "margin"),
        ("lgm_weight", "LGM", "weight"),
        ("emc_alpha", "EMC", "alpha"),
        ("mmc_form", "MMC", "form"),
        ("mmc_delta", "MMC", "delta"),
    ):
        default = inspect.signature(losses.LOSSES.get(loss)).parameters[argument].default
        assert shown[flag] == (default if isinstance(default, str) else f"{default:g}")
    forms = next(flag for flag in own_flags(define_all(TRAIN_AT.definitions)) if flag.name == "mmc_form")
    assert forms.parser.choices == losses.MMC_FORMS
    assert set(losses.LOSSES) | {"MMC-C", "MMC-M"} == set(names.LOSSES)


def test_defaults_are_those_of_the_paper():
    flags = parse(["train_at.py"], TRAIN_AT.definitions)
    assert (flags.batch_size, flags.scale, flags.momentum, flags.lr, flags.weight_decay) == (
        50,
        10.0,
        0.9,
        0.01,
        1e-4,
    )
