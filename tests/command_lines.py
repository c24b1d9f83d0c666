"""Every command line that the issue, the original's README and the reimplementation's README promise."""

CIFAR = {
    "dataset": "cifar10",
    "model": "resnet32",
    "learning_policy": "MMC-C",
    "epochs": 200,
    "batch_size": 50,
}
MNIST = {"dataset": "mnist", "model": "mnist", "learning_policy": "MMC-M", "epochs": 50, "batch_size": 50}
SGD = {
    "optimizer": "sgd",
    "momentum": 0.9,
    "lr": 0.01,
    "weight_decay": 1e-4,
    "warmup_steps": 200,
    "clip_norm": 10.0,
}
MMC = {"loss": "MMC", "scale": 10.0, "centers": "simplex"}
FLIPPED, PLAIN = {"flip": True, "shift": 0.1}, {"flip": False, "shift": 0.1}
PGD = {
    "method": "pgd",
    "attack_method": "pgd",
    "norm": "linf",
    "epsilon": 8 / 255,
    "step_size": 2 / 255,
    "num_steps": 10,
    "adv_ratio": 1.0,
    "targeted": False,
    "objective": None,
    "adaptive": True,
}
RECIPE = "--epochs={} -lp={} -b=50 --optimizer=sgd -wd=1e-4 -lr=0.01 --scale=10"
ORIGINAL_STD = "--dataset={} --lr=0.01 --version=2 --use_BN=True --use_dense=True --use_leaky=False"
VERSION_2 = {"model": "resnet32", "version": 2, "use_bn": True}
TRAINING = [
    ("train_std.py --loss=MMC-C --scale=10", CIFAR | SGD | MMC | FLIPPED),
    ("train_std.py", CIFAR | SGD | MMC | FLIPPED),
    ("train_std.py --loss=MMC-M", MNIST | SGD | MMC | PLAIN),
    ("train_std.py -lp=MMC-M", MNIST | SGD | MMC | PLAIN),
    (f"train_std.py resnet32 cifar10 {RECIPE.format(200, 'MMC-C')}", CIFAR | SGD | MMC | FLIPPED),
    ("train_std.py resnet32 cifar10 -lp MMC-C -b 50 -wd 1e-4 -lr .01", CIFAR | SGD | MMC | FLIPPED),
    (
        f"train_std.py resnet32 cifar100 {RECIPE.format(200, 'MMC-C')}",
        CIFAR | SGD | MMC | {"dataset": "cifar100"},
    ),
    (f"train_std.py mnist mnist {RECIPE.format(50, 'MMC-M')}", MNIST | SGD | MMC | PLAIN),
    (
        f"train_std.py mnist fashionmnist {RECIPE.format(50, 'MMC-M')}",
        MNIST | SGD | MMC | PLAIN | {"dataset": "fashion_mnist"},
    ),
    (f"train_at.py resnet32 cifar10 {RECIPE.format(200, 'MMC-C')}", CIFAR | SGD | MMC | PGD),
    (
        f"train_at.py mnist mnist {RECIPE.format(50, 'MMC-M')}",
        MNIST | SGD | MMC | PGD | {"epsilon": 0.3, "step_size": 0.075},
    ),
    (
        f"train_std.py --batch_size=50 --optimizer='mom' --use_MMLDA=False {ORIGINAL_STD.format('cifar10')}",
        CIFAR | SGD | VERSION_2 | {"loss": "SCE", "use_dense": True, "use_leaky": False},
    ),
    (
        "train_std.py --batch_size=50 --mean_var=10 -optimizer='mom' --use_MMLDA=True --use_ball=True"
        f" --use_random=False {ORIGINAL_STD.format('cifar10')}",
        CIFAR | SGD | MMC | VERSION_2,
    ),
    (
        "train_std.py --batch_size=50 --mean_var=10 --optimizer='mom' --use_MMLDA=True --use_ball=True"
        f" --use_random=False {ORIGINAL_STD.format('mnist')}",
        MNIST | SGD | MMC | VERSION_2 | PLAIN,
    ),
    (
        "train_std.py --batch_size=50 --mean_var=100 --dataset='cifar10' --optimizer='Adam' --lr=0.001"
        " --version=2 --use_MMLDA=True --use_ball=True --use_BN=True",
        CIFAR | VERSION_2 | MMC | {"scale": 100.0, "optimizer": "adam", "lr": 0.001},
    ),
    (
        "train_at.py --batch_size=50 --dataset=cifar10 --optimizer='mom' --lr=0.01 --version=2"
        " --adv_ratio=1.0 --use_MMLDA=False --use_ball=False --use_target=False --attack_method='MadryEtAl'"
        " --use_BN=True --use_random=False",
        CIFAR | SGD | VERSION_2 | PGD | {"loss": "SCE"},
    ),
    (
        "train_at.py --batch_size=50 --mean_var=10 --dataset=cifar100 --optimizer='mom' --lr=0.01 --version=2"
        " --adv_ratio=1.0 --use_MMLDA=True --use_ball=True --use_target=True --attack_method='MadryEtAl'"
        " --use_BN=True --use_random=False",
        CIFAR | SGD | VERSION_2 | MMC | PGD | {"dataset": "cifar100", "targeted": True},
    ),
    ("train_at.py --attack_method=MomentumIterativeMethod", PGD | {"attack_method": "mim"}),
    (
        "train_at.py --attack_method=FastGradientMethod",
        PGD | {"attack_method": "fgsm", "num_steps": 1, "step_size": 8 / 255},
    ),
    ("train_std.py --is_2d_demo", MNIST | {"feature_dim": 2, "centers": "spread", "loss": "MMC"}),
]

EVALUATION = [
    ("eval_attacks.py --attack=pgd --adaptive", {"attack": ["pgd"], "adaptive": True, "checkpoint": None}),
    (
        "eval_attacks.py --checkpoint=runs/NAME --attack=fgsm,bim,pgd,mim --epsilon=8/255,16/255"
        " --num_steps=50 --targeted",
        {
            "checkpoint": "runs/NAME",
            "attack": ["fgsm", "bim", "pgd", "mim"],
            "epsilon": [8 / 255, 16 / 255],
            "num_steps": [50],
            "targeted": True,
            "iterate": "any",
            "norm": None,
            "batch_size": 100,
        },
    ),
    (
        "eval_attacks.py --noadaptive --examples=1000",
        {"adaptive": False, "test_size": 1000, "attack": ["pgd"]},
    ),
    (
        "eval_attacks.py --attack=autoattack --epsilon=8/255",
        {"attack": ["autoattack"], "epsilon": [8 / 255], "autoattack_version": None},
    ),
    (
        "eval_attacks.py --attack=cw --targeted --CW_confidence=0.1",
        {"attack": ["cw"], "targeted": True, "cw_confidence": 0.1, "epsilon": None},
    ),
    (
        "eval_attacks.py --attack=SPSA --spsa_samples=8192 --norandom_start",
        {"attack": ["spsa"], "spsa_samples": 8192, "random_start": False},
    ),
    (
        "eval_attacks.py --attack=aa,ElasticNetMethod,noise --norm=l1 --epsilon=12 --ead_beta=1/100",
        {"attack": ["autoattack", "ead", "gaussian"], "norm": "l1", "ead_beta": 0.01},
    ),
    (
        "eval_attacks.py --attack=transfer --transfer_from=runs/A,B.keras --transfer_method=mim",
        {"transfer_from": ["runs/A", "B.keras"], "transfer_method": "mim"},
    ),
    ("eval_attacks.py --preset=pytorch_readme", {"preset": "pytorch_readme", "attack": []}),
    (
        "eval_attacks.py --preset=mmc_paper --attack=pgd --epsilon=8/255",
        {"preset": "mmc_paper", "attack": ["pgd"], "epsilon": [8 / 255]},
    ),
    ("eval_attacks.py --attack=help --transfer_from=runs/A", {"attack": ["help"]}),
]
