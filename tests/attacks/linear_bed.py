"""The linear test bed of the library, under the name that the tests of the attacks import."""

from mmc_tf.acceptance.linear import LinearBed, exact_margins, exactly_robust, largest_gain, make_bed

__all__ = ["LinearBed", "exact_margins", "exactly_robust", "largest_gain", "make_bed"]
