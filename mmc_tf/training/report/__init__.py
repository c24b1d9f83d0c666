"""The report of training runs: their curves in one picture each, and the page that holds them.

`mmc_tf.training.report.build.write_report` makes it of runs' folders.
"""
