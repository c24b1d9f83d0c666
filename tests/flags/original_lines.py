"""The evaluation command lines of the original's READMEs (the first and the last one), the script's name changed,
with `[dataset]` filled in, and what each means: settings of the attack, and what is asked of the run."""

WHITE_BOX = [8 / 256, 16 / 256, 24 / 256, 32 / 256]
BN = "--use_BN=True"
STANDARD = "--use_advtrain=False"
UNSAID = "--attack_method_for_advtrain=None"
MMC = "--use_ball=True --use_MMLDA=True"
SHAPE = "--use_random=False --use_dense=True --use_leaky=False"
PGD = {"attack": ["pgd"], "epsilon": WHITE_BOX, "step_size": 2 / 256, "iterate": "last", "most_images": None}
RUN = {"dataset": "cifar10", "batch_size": 50}
MMC_RUN = RUN | {"loss": "MMC", "scale": 10.0, "random_centers": False}
SHAPED = {"use_bn": True, "use_dense": True, "use_leaky": False}

LINES = {
    "targeted PGD on SCE": (
        f"--batch_size=50 --attack_method='MadryEtAl' {UNSAID} --dataset=cifar10 --target=True --num_iter=10"
        f" --use_ball=False --use_MMLDA=False {STANDARD} --epoch=[epoch] {BN} --normalize_output_for_ball=True"
        " --use_random=False --use_target=False",
        PGD | {"targeted": True, "num_steps": [10], "adaptive": False, "epoch": None},
        RUN | {"loss": "SCE", "training": "standard", "use_bn": True},
    ),
    "untargeted PGD on adversarially trained MMC": (
        "--mean_var=10 --batch_size=50 --attack_method='MadryEtAl' --attack_method_for_advtrain='MadryEtAl'"
        f" --dataset=cifar10 --target=False --num_iter=10 {MMC} --use_advtrain=True --epoch=180 {BN}"
        " --normalize_output_for_ball=False --use_random=False --adv_ratio=1.0 --use_target=False",
        PGD | {"targeted": False, "num_steps": [10], "adaptive": True, "epoch": 180},
        MMC_RUN
        | {
            "training": "adversarial",
            "attack_method": "pgd",
            "targeted": False,
            "adv_ratio": 1.0,
            "use_bn": True,
        },
    ),
    "targeted C&W on MMC": (
        f"--mean_var=10 --batch_size=50 --attack_method='CarliniWagnerL2' {UNSAID} --dataset=cifar10 --target=True"
        f" {MMC} {STANDARD} --adv_ratio=1.0 --use_target=False --epoch=[epoch] {BN}"
        f" --normalize_output_for_ball=False {SHAPE} --CW_confidence=0.",
        {
            "attack": ["cw"],
            "targeted": True,
            "cw_confidence": 0.0,
            "cw_abort_early": True,
            "adaptive": True,
            "epsilon": None,
            "most_images": 500,
        },
        MMC_RUN | SHAPED | {"training": "standard"},
    ),
    "EAD on MMC": (
        f"--mean_var=10 --batch_size=50 --attack_method='ElasticNetMethod' {UNSAID} --dataset=cifar10 --target=True"
        f" {MMC} {STANDARD} --adv_ratio=1.0 --use_target=False --epoch=[epoch] {BN}"
        f" --normalize_output_for_ball=False {SHAPE} --CW_confidence=0.",
        {
            "attack": ["ead"],
            "targeted": False,
            "ead_confidence": 0.1,
            "ead_initial_const": 1.0,
            "ead_binary_search_steps": 1,
            "cw_confidence": None,
            "most_images": 1000,
        },
        MMC_RUN | SHAPED | {"training": "standard"},
    ),
    "SPSA on MMC": (
        f"--mean_var=10 --batch_size=50 --attack_method='SPSA' {UNSAID} --dataset=cifar10 --target=False {MMC}"
        f" {STANDARD} --adv_ratio=1.0 --use_target=False --epoch=[epoch] {BN} -normalize_output_for_ball=False"
        f" {SHAPE} --SPSA_epsilon=8",
        {
            "attack": ["spsa"],
            "targeted": False,
            "epsilon": [8 / 256],
            "objective": "mmc",
            "iterate": "last",
            "adaptive": True,
            "most_images": 1000,
        },
        MMC_RUN | SHAPED | {"training": "standard"},
    ),
    "rotation of adversarially trained MMC": (
        "--mean_var=10 --batch_size=50  --attack_method='Rotation' --attack_method_for_advtrain='MadryEtAl'"
        f" --dataset=cifar10 {MMC} --use_advtrain=True --epoch=[epoch] --adv_ratio=1.0 --use_target=False"
        " --normalize_output_for_ball=False",
        {"attack": ["rotation"], "targeted": False, "rotation_max_degrees": None, "most_images": 1000},
        RUN
        | {"loss": "MMC", "scale": 10.0, "training": "adversarial", "attack_method": "pgd"}
        | {"targeted": False, "adv_ratio": 1.0},
    ),
    "noise": (
        f"--mean_var=10 --batch_size=50 --attack_method='Gaussian' --dataset=cifar10 {MMC} {STANDARD}"
        " --epoch=[epoch]",
        {"attack": ["gaussian"], "gaussian_clip": False, "gaussian_sigma": None, "most_images": 1000},
        RUN | {"loss": "MMC", "scale": 10.0, "training": "standard"},
    ),
    "first README, SCE": (
        f"--batch_size=50 --attack_method='MadryEtAl' {UNSAID} --dataset='cifar10' --target=True --num_iter=20"
        f" --use_ball=False --use_MMLDA=False {STANDARD} --epoch=180 {BN} --normalize_output_for_ball=True",
        PGD | {"targeted": True, "num_steps": [20], "adaptive": False, "epoch": 180},
        RUN | {"loss": "SCE", "training": "standard", "use_bn": True},
    ),
    "first README, MMC": (
        f"--mean_var=100 --batch_size=50 --attack_method='MadryEtAl' {UNSAID} --dataset='cifar10' --target=True"
        f" --num_iter=7 {MMC} {STANDARD} --epoch=180 {BN} --normalize_output_for_ball=True",
        PGD | {"targeted": True, "num_steps": [7], "adaptive": False},
        RUN | {"loss": "MMC", "scale": 100.0, "training": "standard", "use_bn": True},
    ),
    "MMLDA": (
        "--attack_method=BasicIterativeMethod --use_MMLDA=True --use_ball=False --version=2 --lr=0.01"
        " --optimizer='mom' --target=False --num_iter=10 --normalize_output_for_ball=True",
        PGD | {"attack": ["bim"], "targeted": False, "adaptive": False},
        {"loss": "MMLDA", "version": 2, "lr": 0.01, "optimizer": "sgd"},
    ),
    "detection": (
        f"--mean_var=10 --attack_method='MomentumIterativeMethod' {MMC} --target=False --num_iter=10"
        " --normalize_output_for_ball=False --is_calculate_auc=True --is_auc_metric_softmax_for_MMC=False",
        PGD | {"attack": ["mim"], "epsilon": [8 / 256], "detection": True, "most_images": 1000},
        {"loss": "MMC", "scale": 10.0},
    ),
    "what the original has as defaults": (
        "--attack_method=FastGradientMethod",
        {"attack": ["fgsm"], "targeted": True, "adaptive": False, "epsilon": WHITE_BOX, "num_steps": None},
        {},
    ),
}
BLACK_BOX = (
    "--batch_size=50 --optimizer='Adam' --attack_method='MadryEtAl' --dataset=cifar10 --target=False --num_iter=10"
    f" {SHAPE} --epoch=[epoch] {BN} --model_1='AT-MMC-100' --model_2='SCE'"
)
