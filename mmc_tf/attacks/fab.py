"""FAB: the fast adaptive boundary attack (Croce & Hein, ICML 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from mmc_tf.attacks.fab_base import FABAttack, Plane
from mmc_tf.attacks.norms import DUALS, lengths
from mmc_tf.attacks.objectives import pick, without
from mmc_tf.attacks.oracle import Oracle
from mmc_tf.attacks.registry import attacks


@attacks.register("fab")
@dataclass(frozen=True, kw_only=True)
class FAB(FABAttack):
    """Always heads for the class whose boundary is nearest: j* = argmin_{j≠y} |h_j - h_y| / ‖∇(h_j - h_y)‖_q.

    The gradients of all L classes are taken in every step; with many classes `fab_t` is the cheaper one.

    Example:
        >>> FAB(norm="l2").settings()["num_steps"]
        100
    """

    name: ClassVar[str] = "fab"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    summary: ClassVar[str] = "fast adaptive boundary: least norm, towards the nearest class"

    def look_for_plane(
        self, oracle: Oracle, point: tf.Tensor, active: tf.Tensor, ranked: tf.Tensor, target: tf.Tensor
    ) -> tuple[Plane, int]:
        """The plane of the class whose plane is nearest."""
        num_classes = ranked.shape[-1] + 1
        classes = tf.broadcast_to(tf.range(num_classes), [tf.shape(point)[0], num_classes])
        seen = oracle.class_gradients(point, classes, active)
        own = pick(seen.gradients, oracle.labels)
        normals = seen.gradients - own[:, None]
        values = seen.scores - pick(seen.scores, oracle.labels)[:, None]
        away = tf.abs(values) / (lengths(normals, norm=DUALS[self.norm], first_axis=2) + 1e-12)
        nearest = tf.argmax(without(-away, oracle.labels), axis=1, output_type=tf.int32)
        return Plane(pick(values, nearest), pick(normals, nearest)), num_classes
