"""Free adversarial training: one backward pass for weights and images (Shafahi et al., NeurIPS 2019, Algorithm 1)."""

from __future__ import annotations

import tensorflow as tf

from mmc_tf.attacks.projections import clip_box
from mmc_tf.attacks.steps import move, steepest_step
from mmc_tf.checks import check_choice, check_number
from mmc_tf.training.memory import Memory
from mmc_tf.training.recipes.base import METHODS, Recipe
from mmc_tf.training.recipes.crafting import described, growing_share
from mmc_tf.training.recipes.settings import MethodSettings

NORMS = ("linf", "l2")


@METHODS.register("free")
class FreeTraining(Recipe):
    """Minimizes L(x + δ, y), and climbs it in δ with the same gradients, m steps on every batch.

    After each step δ ← P(δ + a·s(∇_x L)), s(g) = sign(g) in linf and g/‖g‖₂ in l2, P the projection on the ball of
    radius ε and on the box. δ belongs to a place in the global batch and stays when the next batch comes, 0 at the
    very start. The gradient is that of the training step, in training mode: the only recipe that does not craft in
    inference mode, since that would cost passes of its own.

    An epoch has as many steps as in every other method, ⌊N/B⌋, of which m in a row see the same batch. So E epochs cost
    what E epochs of standard training cost, and go E/m times through the images.

    Args:
        norm: `linf` or `l2`.
        epsilon: radius > 0, in pixels of [0, 1].
        step_size: a > 0; None: ε, as in the paper.
        num_replays: m >= 1; 8 in the paper on CIFAR-10.
        epsilon_warmup_steps: the radius and the step grow linearly to their values over so many training steps.
        epsilon_delay_steps: training steps before they begin to grow.

    Raises:
        UserError: for a value out of range.
    """

    needs_image_gradient = True

    def __init__(
        self,
        *,
        norm: str = "linf",
        epsilon: float,
        step_size: float | None = None,
        num_replays: int = 8,
        epsilon_warmup_steps: int = 0,
        epsilon_delay_steps: int = 0,
    ):
        self.norm = check_choice("norm", norm, NORMS)
        self.epsilon = check_number("epsilon", epsilon, above=0)
        self.step_size = check_number("step_size", step_size or epsilon, above=0)
        self.num_replays = check_number("num_replays", num_replays, minimum=1, integer=True)
        self.epsilon_warmup_steps = check_number(
            "epsilon_warmup_steps", epsilon_warmup_steps, minimum=0, integer=True
        )
        self.epsilon_delay_steps = check_number(
            "epsilon_delay_steps", epsilon_delay_steps, minimum=0, integer=True
        )
        self._memory: Memory | None = None
        self.reach = (self.num_replays * self.step_size, self.epsilon)
        self.description = (
            f"free adversarial training, {norm}, epsilon {epsilon:.4g}, step {self.step_size:.4g}, "
            f"{num_replays} steps on each batch{described(epsilon_warmup_steps, epsilon_delay_steps)}"
        )

    @classmethod
    def from_settings(cls, settings: MethodSettings) -> FreeTraining:
        """With the settings' m."""
        return cls(
            norm=settings.norm,
            epsilon=settings.epsilon,
            step_size=settings.step_size,
            num_replays=settings.num_replays,
            epsilon_warmup_steps=settings.epsilon_warmup_steps,
            epsilon_delay_steps=settings.epsilon_delay_steps,
        )

    def create_state(self, *, num_examples, batch_size, image_shape):
        """δ for each place in the global batch."""
        self._memory = Memory((batch_size, *image_shape))

    @property
    def variables(self):
        """δ (B, H, W, C)."""
        return () if self._memory is None else (self._memory.variable,)

    def prepare(self, batch):
        """With clip01(x + δ) as images; x stays as `clean`."""
        clean = batch["images"]
        delta = self._memory.read(places_of(batch["labels"]))
        return batch | {"images": clip_box(clean + delta), "clean": clean}

    def forward(self, model, loss, batch, step):
        """The loss on x + δ; accuracy is counted there, too."""
        del step
        logits = model(batch["images"], training=True)
        return loss.per_example(batch["labels"], logits), logits

    def absorb(self, batch, image_gradient, step):
        """One step of δ, within ball and box."""
        share = growing_share(step, self.epsilon_warmup_steps, self.epsilon_delay_steps)
        # A scaled loss of half precision may overflow, and a NaN would stay for ever.
        finite = tf.where(tf.math.is_finite(image_gradient), image_gradient, 0.0)
        moved = move(
            batch["images"],
            steepest_step(finite, norm=self.norm, size=tf.convert_to_tensor(share * self.step_size)),
            clean=batch["clean"],
            norm=self.norm,
            epsilon=tf.convert_to_tensor(share * self.epsilon),
        )
        self._memory.write(places_of(batch["labels"]), moved - batch["clean"])


def places_of(labels: tf.Tensor) -> tf.Tensor:
    """The places (B',) that a replica's part of a batch, known by its labels (B',), has in the global batch.

    Batches are cut contiguously, in the order of the replicas (`distributed_batches`).
    """
    size = tf.shape(labels)[0]
    context = tf.distribute.get_replica_context()
    return tf.cast(context.replica_id_in_sync_group, tf.int32) * size + tf.range(size)
