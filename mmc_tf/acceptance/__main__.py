"""Runs the acceptance matrix: `python -m mmc_tf.acceptance`."""

import os
import sys

from mmc_tf.acceptance.options import parse
from mmc_tf.program import run_program


def main() -> int:
    """0 if every criterion holds, 1 if one does not; else as `mmc_tf.program.run_program`."""
    # TensorFlow and Keras read these at their import.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")

    def work() -> int:
        options = parse()
        from mmc_tf.acceptance.runner import run_matrix

        return 1 if run_matrix(options) else 0

    return run_program(work)


if __name__ == "__main__":
    sys.exit(main())
