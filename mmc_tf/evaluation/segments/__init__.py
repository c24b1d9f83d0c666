"""The loss along the segment from a clean image to a failed perturbation (Ding et al., ICLR 2020, Figure 3).

`python -m mmc_tf.evaluation segments` finds runs and images (`subjects`), walks along the segments (`walk`), and leaves
the values, their means and the picture in a folder (`build`).
"""
