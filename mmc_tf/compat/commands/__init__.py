"""The commands of `python -m mmc_tf.compat`, one a file: `SUMMARY`, `define(parser)` and `run(arguments)`."""
