"""The acceptance matrix: every attack against exact answers and known orders. Run `python -m mmc_tf.acceptance`."""
