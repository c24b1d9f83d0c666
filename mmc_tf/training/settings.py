"""What a training run is made of, as plain values."""

from __future__ import annotations

import dataclasses

from mmc_tf.checks import argument_error, check_choice, check_number
from mmc_tf.models.precision import AUTO
from mmc_tf.training.optimizers import OPTIMIZERS, PRECISIONS
from mmc_tf.training.schedules import POLICIES


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """The loop's settings.

    Args:
        epochs: >= 1, passes over the training images.
        batch_size: >= 1, of the global batch. The incomplete last batch of an epoch is left out; the images are
            shuffled anew in every epoch.
        optimizer: a name of `OPTIMIZERS`.
        learning_rate: > 0, initial.
        momentum: in [0, 1).
        nesterov: Nesterov's form of the momentum, for `sgd`.
        learning_policy: a name of `POLICIES`.
        warmup_steps: >= 0 steps over which the learning rate rises linearly.
        clip_norm: >= 0, largest global norm of the gradient; 0 does not clip.
        precision: `float32`, `mixed_bfloat16`, `mixed_float16`, or `auto`, the faster of the first two on this machine,
            which is settled before a loop is made. Heads and losses stay in float32.
        seed: in [0, 2³¹), of the order of the images, augmentation and inner attacks.
        max_steps: stops after so many steps; 0 has no such limit.
        checkpoint_every: steps between checkpoints; 0 writes one at the end of every epoch only.
        flip: whether images are mirrored at random.
        shift: largest random shift as a share of the image's side, in [0, 1).

    Raises:
        UserError: for a value out of range.
    """

    epochs: int
    batch_size: int = 50
    optimizer: str = "sgd"
    learning_rate: float = 0.01
    momentum: float = 0.9
    nesterov: bool = False
    learning_policy: str = "MMC-C"
    warmup_steps: int = 200
    clip_norm: float = 10.0
    precision: str = "float32"
    seed: int = 0
    max_steps: int = 0
    checkpoint_every: int = 0
    flip: bool = False
    shift: float = 0.0

    def __post_init__(self):
        check_number("epochs", self.epochs, minimum=1, integer=True)
        check_number("batch_size", self.batch_size, minimum=1, integer=True)
        check_number("lr", self.learning_rate, above=0)
        check_number("momentum", self.momentum, minimum=0)
        if self.momentum >= 1:
            raise argument_error("momentum", "a number >= 0 and < 1", self.momentum)
        check_number("warmup_steps", self.warmup_steps, minimum=0, integer=True)
        check_number("clip_norm", self.clip_norm, minimum=0)
        check_number("seed", self.seed, minimum=0, maximum=2**31 - 1, integer=True)
        check_number("max_steps", self.max_steps, minimum=0, integer=True)
        check_number("checkpoint_every", self.checkpoint_every, minimum=0, integer=True)
        check_number("shift", self.shift, minimum=0, maximum=0.99)
        check_choice("precision", self.precision, (*PRECISIONS, AUTO))
        OPTIMIZERS.get(self.optimizer)
        POLICIES.get(self.learning_policy)

    def num_steps(self, steps_per_epoch: int) -> int:
        """The run's length in steps."""
        steps = self.epochs * steps_per_epoch
        return min(steps, self.max_steps) if self.max_steps else steps
