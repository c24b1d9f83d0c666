"""Cheap questions to a network beside the attacks that were asked for: is its number an artefact?"""

from mmc_tf.evaluation.probes.diagnosis import Diagnosis, diagnose, examine, look_at_output
from mmc_tf.evaluation.probes.gradients import GradientProbe, probe_gradients
from mmc_tf.evaluation.probes.output import OutputProbe, probe_output
from mmc_tf.evaluation.probes.panel import EXAMPLES, Panel, Probe, describe_panel, plan_panel

__all__ = [
    "EXAMPLES",
    "Diagnosis",
    "GradientProbe",
    "OutputProbe",
    "Panel",
    "Probe",
    "describe_panel",
    "diagnose",
    "examine",
    "look_at_output",
    "plan_panel",
    "probe_gradients",
    "probe_output",
]
