"""The MMA paper's evaluation: white-box attacks on a set of networks, judged on all of them.

What `python -m mmc_tf.evaluation mma` runs. Nothing is imported here: a command is checked without TensorFlow.
"""
