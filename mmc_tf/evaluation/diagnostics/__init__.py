"""Signs that a robust accuracy is an artefact, read off the records of an evaluation.

Each check is a pure function from records (as in `results.json`) to findings; a finding has a code, one
sentence, and a section in docs/warnings.md.
"""

from mmc_tf.evaluation.diagnostics.blindness import (
    find_cross_entropy_blind,
    find_non_adaptive,
    find_nonfinite_gradients,
    find_zero_gradients,
)
from mmc_tf.evaluation.diagnostics.catalogue import find_all
from mmc_tf.evaluation.diagnostics.coverage import (
    find_clean_accuracy_difference,
    find_few_examples,
    find_gradient_attacks_only,
    find_unreachable_radius,
)
from mmc_tf.evaluation.diagnostics.finding import Finding
from mmc_tf.evaluation.diagnostics.order import (
    find_black_box_stronger,
    find_larger_radius_weaker,
    find_one_step_beats_many,
    find_radius_one_survived,
    find_square_helps,
    find_stronger_attack,
)
from mmc_tf.evaluation.diagnostics.output import find_in_output
from mmc_tf.evaluation.diagnostics.pixels import find_in_pixels
from mmc_tf.evaluation.diagnostics.probed import find_in_diagnosis

__all__ = [
    "Finding",
    "find_all",
    "find_black_box_stronger",
    "find_clean_accuracy_difference",
    "find_cross_entropy_blind",
    "find_few_examples",
    "find_gradient_attacks_only",
    "find_in_diagnosis",
    "find_in_output",
    "find_in_pixels",
    "find_larger_radius_weaker",
    "find_non_adaptive",
    "find_nonfinite_gradients",
    "find_one_step_beats_many",
    "find_radius_one_survived",
    "find_square_helps",
    "find_stronger_attack",
    "find_unreachable_radius",
    "find_zero_gradients",
]
