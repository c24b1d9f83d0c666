"""Importing this before Keras says in one line that attacks need TensorFlow, where the environment asks for another."""

import os

from mmc_tf.checks import check_backend

check_backend(os.environ)
