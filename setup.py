"""Packaging of mmc-tf."""

from setuptools import find_packages, setup

setup(
    name="mmc-tf",
    version="0.1.0",
    description="Max-Mahalanobis-center training and honest adversarial evaluation for TensorFlow and Keras 3",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["mmc_tf", "mmc_tf.*", "flags", "flags.*"]),
    package_data={"mmc_tf.report": ["*.css"]},
    py_modules=["train_std", "train_at", "eval_attacks"],
    install_requires=[
        "absl-py>=2",
        "cleverhans==4.0.0",
        "keras>=3.15",
        "lazy_loader>=0.4",
        "matplotlib>=3.9",
        "numpy>=2",
        "scikit-learn>=1.5",
        "scipy>=1.13",
        "tensorboard>=2.20",
        "tensorflow>=2.21",
        "threadpoolctl>=3",
        "tqdm>=4.66",
    ],
    extras_require={
        "dev": ["jax>=0.5", "pytest>=8", "pytest-xdist>=3.6", "ruff>=0.9", "tf_keras>=2.21"],
        # What benchmarks/ compares with; not in requirements.lock.
        "bench": ["foolbox==3.3.4", "torch>=2.6", "torchattacks==3.5.1"],
    },
)
