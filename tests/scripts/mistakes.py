"""The mistakes of the issue's list, each as a command line and pieces of the line that answers it."""

STD = "train_std.py --dataset=digits --runs_dir=runs"
AT = "train_at.py --dataset=digits --runs_dir=runs"
EVAL = "eval_attacks.py --runs_dir=runs"
NO_FILES = "files of mnist (train-images-idx3-ubyte[.gz], "


def out_of_range(flag, expected, *values):
    for value in values:
        yield f"{flag}={value}", f"`{flag}`. Expected {expected}. Received: {flag}={value}"


MISTAKES = {
    "data set": (
        f"{STD} --dataset=svhn",
        "`dataset`. Expected one of digits, mnist, ",
        "Received: dataset=svhn",
    ),
    "data set of an evaluation": (f"{EVAL} --dataset=svhn", "Expected one of digits, ", "dataset=svhn"),
    "model": (f"{STD} --model=vgg", "`model`. Expected one of resnetD, ", "wrn-D-K", "Received: model=vgg"),
    "loss": (f"{STD} --loss=hinge", "`loss`. Expected one of SCE, MMC, ", "Received: loss=hinge"),
    "optimizer": (f"{STD} --optimizer=lion", "Expected one of sgd, adam, rmsprop. Received: optimizer=lion"),
    "schedule": (
        f"{STD} -lp=often",
        "`learning_policy`. Expected one of MMC-C, ",
        "Received: learning_policy=often",
    ),
    "precision": (f"{STD} --precision=int8", "Expected one of float32, mixed_bfloat16, ", "precision=int8"),
    "strategy": (f"{STD} --strategy=tpu", "Expected one of auto, none, mirrored, ", "Received: strategy=tpu"),
    "centers": (
        f"{STD} --centers=cube",
        "Expected one of simplex, random, ",
        ".npy file. Received: centers=cube",
    ),
    "inner attack": (
        f"{AT} --attack_method=nuke",
        "Expected one of bim, fgsm, ",
        "Received: attack_method=nuke",
    ),
    "method": (f"{AT} --method=luck", "`method`. Expected one of pgd", "Received: method=luck"),
    "objective": (f"{AT} --objective=joy", "Expected one of ce, margin, ", "Received: objective=joy"),
    "norm": (f"{AT} --norm=l7", "`norm`. Expected one of linf, l2, l1. Received: norm=l7"),
    "norm of another attack": (
        f"{AT} --attack_method=mim --norm=l1 --epsilon=1",
        "`norm`. Expected one of linf, l2 for the attack mim. Received: norm=l1",
    ),
    "objective of another head": (
        f"{AT} --loss=SCE --objective=mmc",
        "Expected one that works without MM centers, such as margin, for loss SCE. Received: objective=mmc",
    ),
    "attack": (f"{EVAL} --attack=fgsm,nuke", "Expected one of an_pgd, apgd_ce, ", "attack=fgsm,nuke"),
    "objective of an evaluation": (f"{EVAL} --objective=joy", "Expected one of ce, ", "objective=joy"),
    "iterate": (f"{EVAL} --iterate=first", "Expected one of any, last. Received: iterate=first"),
    "radius without a default": (
        f"{EVAL} --norm=l2",
        "`epsilon`. Expected a number > 0",
        "Received: epsilon=none",
    ),
    "radius in grey levels": (
        f"{EVAL} --epsilon=8/255,8",
        "Expected a radius <= 1 in linf, since pixels are in [0, 1] (8 grey levels are 8/255)",
        "Received: epsilon=8",
    ),
    "radius of training in grey levels": (
        f"{AT} --epsilon=8",
        "(8 grey levels are 8/255)",
        "Received: epsilon=8",
    ),
    "range of pixels": (
        f"{EVAL} --input_range=255",
        "`input_range`. Expected two numbers LOW,HIGH with LOW < HIGH, such as 0,255",
        "Received: input_range=255",
    ),
    "flag": (f"{STD} --epsilon=8/255", "Unknown command line flag 'epsilon'", "a flag of train_at.py"),
    **{
        f"{script.split()[0]} {words}": (f"{script} {words}", line)
        for script, ranges in {
            STD: [
                ("batch_size", "an integer >= 1", 0, -5),
                ("lr", "a number > 0", 0, -0.1),
                ("epochs", "an integer >= 1", 0, -1),
                ("scale", "a number > 0", 0, -10),
                ("weight_decay", "a number >= 0", -1),
                ("warmup_steps", "an integer >= 0", -1),
                ("train_size", "an integer >= 1", 0),
            ],
            AT: [
                ("epsilon", "a number > 0", 0, "-8/255"),
                ("step_size", "a number > 0", 0, -1),
                ("num_steps", "an integer >= 1", 0, -1),
                ("adv_ratio", "a number >= 0 and <= 1", -0.5, 2),
            ],
            EVAL: [
                ("epsilon", "a number > 0, or several separated by commas", 0, "8/255,-1"),
                ("num_steps", "an integer >= 1, or several separated by commas", 0, "10,-1"),
                ("step_size", "a number > 0", 0),
                ("num_restarts", "an integer >= 1", 0, -3),
                ("batch_size", "an integer >= 1", 0),
            ],
        }.items()
        for flag, expected, *values in ranges
        for words, line in out_of_range(f"{flag}", expected, *values)
        for words in [f"--{words}"]
    },
    "no files": (
        "train_std.py --dataset=mnist --data_dir=empty",
        NO_FILES,
        "mnist/, MNIST/, ",
        "--dataset=digits is embedded",
        "data_dir=empty, where none of them is; nothing in ",
        "keras/datasets; https://",
    ),
    "no files and no folder": ("train_std.py --dataset=mnist", NO_FILES, "data_dir=None; nothing in "),
    "no such folder": (
        "train_std.py --dataset=cifar10 --data_dir=nowhere",
        "`data_dir`. Expected an existing folder. Received: data_dir=nowhere",
    ),
    "some files": (
        "train_std.py --dataset=mnist --data_dir=some",
        "Cannot read some/mnist",
        "without t10k-labels",
    ),
    "truncated file": (
        "train_std.py --dataset=mnist --data_dir=truncated",
        "Cannot read truncated/",
        "Expected ",
    ),
    "truncated gz": (
        "train_std.py --dataset=mnist --data_dir=cut",
        "Cannot read cut/mnist/",
        ".gz",
        "Expected ",
    ),
    "corrupt gz": (
        "train_std.py --dataset=mnist --data_dir=corrupt",
        "Cannot read corrupt/mnist/",
        "Expected ",
    ),
    "wrong magic": (
        "train_std.py --dataset=mnist --data_dir=magic",
        "Cannot read magic/mnist/",
        "Expected ",
        "2049",
    ),
    "truncated CIFAR": (
        "train_std.py --dataset=cifar10 --data_dir=cifar",
        "Cannot read cifar/cifar-10-batches-bin/data_batch_1.bin",
        "Expected ",
        "3073",
    ),
    "simplex in too few dimensions": (
        f"{STD} --feature_dim=5",
        "at most d+1 = 6 classes for simplex centers in d = 5 dimensions (--centers=spread",
        "L = 10 and d = 5",
    ),
    "hierarchy without coarse labels": (
        f"{STD} --loss=HMMC",
        "`centers`. Expected a data set with superclasses",
        "centers=hierarchical",
    ),
    "depth of version 1": (
        f"{STD} --model=resnet33",
        "D = 6n+2",
        "(nearest: 32 and 38). Received: model=depth 33",
    ),
    "depth of version 2": (
        f"{STD} --model=resnet48 --version=2",
        "D = 9n+2",
        "nearest: 47 and 56",
        "depth 48",
    ),
    "version of another network": (
        f"{STD} --model=lenet5 --version=2",
        "`version`",
        "lenet5 is not a ResNet",
    ),
    "flags that disagree": (
        f"{STD} --loss=SCE --use_MMLDA=True",
        "flags that agree",
        "--loss=SCE and --use_MMLDA=True",
    ),
    "centers from no file": (f"{STD} --centers=none.npy", "none.npy"),
    "a form of another loss": (
        f"{STD} --loss=HMMC --mmc_form=huber",
        "`mmc_form`. Expected --loss=MMC with it. Received: mmc_form=huber with --loss=HMMC",
    ),
    "Huber's δ without Huber": (
        f"{STD} --mmc_form=absolute --mmc_delta=2",
        "`mmc_delta`. Expected --mmc_form=huber with it. Received: mmc_delta=2 with --mmc_form=absolute",
    ),
    "hierarchy from no file": (
        f"{STD} --hierarchy=none.json",
        "`hierarchy`. Expected a readable JSON",
        "none.json",
    ),
    "batch above the images": (
        f"{STD} --train_size=30 -b=31",
        "`batch_size`. Expected at most 30, the number of training images. Received: batch_size=31",
    ),
    "images above the data set": (f"{STD} --train_size=99999", "`train_size`. Expected at most ", "99999"),
    "run that exists": (
        f"{STD} --run_name=done",
        "does not exist yet, or --resume or --overwrite",
        "runs/done",
    ),
    "name of a file": (f"{STD} --run_name=a_file", "the name of a folder", "a_file"),
    "name with folders": (f"{STD} --run_name=../done", "a plain name, without folders", "../done"),
    "both ways": (f"{STD} --run_name=done --resume --overwrite", "one of --resume and --overwrite"),
    "overwriting what is no run": (f"{STD} --run_name=precious --overwrite", "a run's folder", "precious"),
    "resuming what is no run": (f"{STD} --run_name=precious --resume", "runs/precious is not a run's folder"),
    "resuming with another model": (
        f"{STD} --run_name=done --resume --model=mnist",
        "`model`. Expected lenet5, as the run runs/done that is resumed has it. Received: model=mnist",
    ),
    "resuming with another data set": (
        "train_std.py --runs_dir=runs --dataset=mnist --model=lenet5 --run_name=done --resume",
        "`dataset`. Expected digits, as the run runs/done",
        "Received: dataset=mnist",
    ),
    "resuming a damaged checkpoint": (
        f"{STD} --run_name=damaged --resume",
        "Cannot read the checkpoint runs/damaged/checkpoints/step-00000007.npz. Expected ",
    ),
    "runs in a file": (
        STD.replace("--runs_dir=runs", "--runs_dir=runs/a_file/x"),
        "`runs_dir`. Expected a folder that can be written",
        "a_file",
    ),
    "runs in /proc": (
        STD.replace("--runs_dir=runs", "--runs_dir=/proc/runs"),
        "`runs_dir`. Expected a folder that can be written",
        "/proc",
    ),
    "no cluster": (
        f"{STD} --strategy=multi_worker",
        "`strategy`. Expected the environment variable TF_CONFIG",
    ),
    "no runs": (
        "eval_attacks.py --runs_dir=empty",
        "a finished run in empty/",
        "train_std.py",
        "no empty/*/final.keras",
    ),
    "no such run": (f"{EVAL} --checkpoint=runs/nowhere", "a run's folder or a .keras file", "runs/nowhere"),
    "run without a model": (
        f"{EVAL} --checkpoint=runs/damaged",
        "--resume --run_name=damaged",
        "without final.keras",
    ),
    "folder without a run": (f"{EVAL} --checkpoint=runs/precious", "is not a run's folder", "config.json"),
    "not a .keras file": (
        f"{EVAL} --checkpoint=text.keras --dataset=digits",
        "Cannot read the model text.keras. Expected",
    ),
    "zip that is no .keras file": (
        f"{EVAL} --checkpoint=other.keras --dataset=digits",
        "Cannot read the model other.keras. Expected a saved Keras model. Received: a zip file without config.json",
    ),
    "truncated model": (
        f"{EVAL} --checkpoint=runs/cut",
        "Cannot read the model runs/cut/final.keras. Expected",
    ),
    "model of another data set": (
        f"{EVAL} --checkpoint=runs/done --dataset=mnist",
        "`dataset`. Expected digits, which runs/done was trained on. Received: dataset=mnist",
    ),
    "model for other images": (
        f"{EVAL} --checkpoint=large.keras --dataset=digits",
        "`checkpoint`. Expected a network for images of shape (8, 8, 1) (digits)",
        "large.keras, for images of shape (28, 28, 1)",
    ),
    "model of no data set": (
        f"{EVAL} --checkpoint=small.keras",
        "`dataset`. Expected a data set, since small.keras",
    ),
    "objective of another model": (
        f"{EVAL} --checkpoint=runs/sce --objective=mmc",
        "without MM centers",
        "loss SCE",
    ),
    "results in a file": (
        f"{EVAL} --checkpoint=runs/done --output_dir=text.keras",
        "`output_dir`. Expected a folder",
    ),
    "results in /proc": (
        f"{EVAL} --checkpoint=runs/done --output_dir=/proc/x",
        "`output_dir`. Expected a folder that",
    ),
    "results among other files": (
        f"{EVAL} --checkpoint=runs/done --output_dir=runs",
        "a new or empty folder",
        "runs",
    ),
    "weights that are a web page": (
        f"{EVAL} --dataset=digits --released_weights=page.h5",
        "`released_weights`. Expected a weight file of Keras 2",
        "Received: released_weights=page.h5, an HTML page",
    ),
    "truncated weights": (
        f"{EVAL} --dataset=digits --released_weights=cut.h5",
        "released_weights=cut.h5, a truncated file of ",
    ),
    "weights without layers": (
        f"{EVAL} --dataset=digits --released_weights=nothing.h5",
        "nothing.h5, HDF5 without the attribute layer_names",
    ),
    "weights of another network": (
        f"{EVAL} --dataset=digits --released_weights=other.h5",
        "Expected the weights of a ResNet of the original code",
        "with 7 convolutions where such a network has 6n+3",
    ),
    "weights for other classes": (
        f"{EVAL} --dataset=digits --released_weights=softmax.h5",
        "Expected a network for 10 classes (digits). Received: released_weights=softmax.h5, with 100",
    ),
    "weights for other channels": (
        f"{EVAL} --dataset=digits --released_weights=colour.h5",
        "Expected a network for images of 1 channels (digits). Received: released_weights=colour.h5, for 4",
    ),
    "weights of no data set": (
        f"{EVAL} --released_weights=weights.h5",
        "`dataset`. Expected a data set, since weights.h5 does not say its own",
    ),
    "weights and a checkpoint": (
        f"{EVAL} --released_weights=weights.h5 --checkpoint=runs/done",
        "Expected one network. Received: --released_weights=weights.h5 and --checkpoint=runs/done",
    ),
    "centers of weights without any": (
        f"{EVAL} --dataset=digits --released_weights=weights.h5 --centers=none.mat",
        "`centers`. Expected a .mat or .npy file",
        "none.mat",
    ),
    "objective of weights without centers": (
        f"{EVAL} --dataset=digits --released_weights=softmax.h5 --objective=mmc",
        "without MM centers",
        "loss SCE",
    ),
}
