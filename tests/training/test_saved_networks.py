"""A run's network is restored by `load_run` alone, whatever layers it has."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from mmc_tf.models import HEADS, BackboneOptions, build_classifier
from mmc_tf.models.build import PREPROCESSING

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
import numpy as np
from mmc_tf.training.runs import load_run

for path in sys.argv[2:]:
    model, config = load_run(path)
    assert config == {}
    np.save(path + ".npy", model(np.load(sys.argv[1])))
"""


def test_every_head_and_preprocessing_is_restored_in_a_fresh_program(tmp_path):
    images = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
    np.save(tmp_path / "images.npy", images)
    expected = {}
    for number, head in enumerate(HEADS):
        model = build_classifier(
            "resnet8",
            input_shape=(8, 8, 1),
            num_classes=3,
            head=head,
            preprocessing=PREPROCESSING[number % len(PREPROCESSING)],
            training_images=np.concatenate([images] * 20),
            options=BackboneOptions(seed=number),
        )
        path = str(tmp_path / f"{head}.keras")
        model.save(path)
        expected[path] = model(images).numpy()
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "images.npy"), *expected]
    subprocess.run(command, check=True, cwd=ROOT)
    for path, logits in expected.items():
        np.testing.assert_allclose(np.load(path + ".npy"), logits, rtol=1e-5, atol=1e-4)
