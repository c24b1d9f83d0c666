"""Standard training: the loss on the clean images."""

from __future__ import annotations

from mmc_tf.training.recipes.base import METHODS, Recipe


@METHODS.register("standard")
class StandardTraining(Recipe):
    """Minimizes L(x, y)."""

    description = "standard training on clean images"
    accuracy_on = "clean"

    def forward(self, model, loss, batch, step):
        """The loss of the clean images."""
        del step
        logits = model(batch["images"], training=True)
        return loss.per_example(batch["labels"], logits), logits
