"""The report of an evaluation: one figure a file, and the page that holds them.

`mmc_tf.evaluation.report.build.write_report` makes it of a results folder.
"""
