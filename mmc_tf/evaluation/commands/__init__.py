"""The subcommands of `python -m mmc_tf.evaluation`, one a file.

Each module is named as its command and has SUMMARY, one line for the list of commands, `define(parser)`, which
enters its arguments, and `run(arguments)`, which returns the text to print. Modules are imported before a command
is chosen: what takes long to import, such as TensorFlow, is imported inside `run`.
"""
