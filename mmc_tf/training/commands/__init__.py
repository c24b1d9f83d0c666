"""The commands of `python -m mmc_tf.training`."""
