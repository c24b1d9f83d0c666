"""TRADES: accuracy traded against the steadiness of the output (Zhang et al., ICML 2019)."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from mmc_tf.attacks.oracle import Oracle
from mmc_tf.attacks.starts import per_example
from mmc_tf.attacks.steps import move, steepest_step
from mmc_tf.checks import check_choice, check_number
from mmc_tf.classifier import Scores, call_model, read_scores
from mmc_tf.training.recipes.base import METHODS, Recipe, step_seed
from mmc_tf.training.recipes.crafting import described, growing_share
from mmc_tf.training.recipes.mma import softmax_temperature
from mmc_tf.training.recipes.settings import MethodSettings

NORMS = ("linf", "l2")
# Of the start around x (Algorithm 1): at x itself the divergence has no gradient.
START_DEVIATION = 1e-3


@METHODS.register("trades")
class TradesTraining(Recipe):
    """Minimizes L(x, y) + β·KL(p(x) ‖ p(x')), p = softmax(h/T), with x' = arg max of the divergence in the ball.

    Eq. 5 and Algorithm 1, whose 1/λ is β. x' is found by K steps of projected gradient ascent from x + 0.001·N(0, I),
    against the network in inference mode, as the authors' code; both terms are then taken in training mode, and the
    gradient flows through p(x) as well. L is the head's own loss. The divergence reads the head's shifted logits, whose
    differences keep float32's precision; accuracy is counted on x.

    Args:
        norm: `linf` or `l2`.
        epsilon: radius > 0, in pixels of [0, 1].
        step_size: length of a step, > 0.
        num_steps: K >= 1.
        beta: β >= 0; 6 in the paper's best runs.
        temperature: T > 0; None: 1, and for center heads that of `head_temperature`: logits of an MMC head at C_MM 10
            differ by 222, where softmax is 0 or 1 and the divergence has no gradient.
        epsilon_warmup_steps: the radius and the step grow linearly to their values over so many training steps.
        epsilon_delay_steps: training steps before they begin to grow.
        seed: of the starts.

    Raises:
        UserError: for a value out of range.
    """

    accuracy_on = "clean"
    has_first_gradient = True

    def __init__(
        self,
        *,
        norm: str = "linf",
        epsilon: float,
        step_size: float,
        num_steps: int,
        beta: float = 6.0,
        temperature: float | None = None,
        epsilon_warmup_steps: int = 0,
        epsilon_delay_steps: int = 0,
        seed: int = 0,
    ):
        self.norm = check_choice("norm", norm, NORMS)
        self.epsilon = check_number("epsilon", epsilon, above=0)
        self.step_size = check_number("step_size", step_size, above=0)
        self.num_steps = check_number("num_steps", num_steps, minimum=1, integer=True)
        self.beta = check_number("beta", beta, minimum=0)
        if temperature is not None:
            check_number("temperature", temperature, above=0)
        self.temperature = temperature
        self.epsilon_warmup_steps = check_number(
            "epsilon_warmup_steps", epsilon_warmup_steps, minimum=0, integer=True
        )
        self.epsilon_delay_steps = check_number(
            "epsilon_delay_steps", epsilon_delay_steps, minimum=0, integer=True
        )
        self.seed = seed
        self.reach = (num_steps * step_size, epsilon)
        self.description = (
            f"TRADES, {norm}, epsilon {epsilon:.4g}, {num_steps} steps of {step_size:.4g}, beta {beta:g}"
            f"{described(epsilon_warmup_steps, epsilon_delay_steps)}"
        )

    @classmethod
    def from_settings(cls, settings: MethodSettings) -> TradesTraining:
        """With the settings' β and temperature."""
        return cls(
            norm=settings.norm,
            epsilon=settings.epsilon,
            step_size=settings.resolved_step_size,
            num_steps=settings.num_steps,
            beta=settings.beta,
            temperature=settings.temperature,
            epsilon_warmup_steps=settings.epsilon_warmup_steps,
            epsilon_delay_steps=settings.epsilon_delay_steps,
            seed=settings.seed,
        )

    def forward(self, model, loss, batch, step):
        """Clean loss and divergence."""
        images, labels = batch["images"], batch["labels"]
        adversarial = self.craft(model, batch, step)
        clean_logits = model(images, training=True)
        logits = model(adversarial, training=True)
        divergence = kl_divergence(
            read_scores(clean_logits).logits,
            read_scores(logits).logits,
            temperature=softmax_temperature(self.temperature, clean_logits),
        )
        return loss.per_example(labels, clean_logits) + self.beta * divergence, clean_logits

    def craft(self, model: keras.Model, batch: dict[str, tf.Tensor], step: tf.Tensor) -> tf.Tensor:
        """x' (B, H, W, C) of a batch, without gradient."""
        share = growing_share(step, self.epsilon_warmup_steps, self.epsilon_delay_steps)
        epsilon, size = (tf.convert_to_tensor(share * length) for length in (self.epsilon, self.step_size))
        ball = {"clean": batch["images"], "norm": self.norm, "epsilon": epsilon}
        gradient_at = self._gradient(model, batch)

        def climb(k: tf.Tensor, point: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            onward = steepest_step(gradient_at(point), norm=self.norm, size=size)
            return k + 1, move(point, onward, **ball)

        _, point = tf.while_loop(
            lambda k, _: k < self.num_steps,
            climb,
            (tf.constant(0), move(batch["images"], self._noise(batch, step), **ball)),
            parallel_iterations=1,
        )
        return tf.stop_gradient(point)

    def first_gradient(self, model, batch, step):
        """The gradient of the divergence at the start."""
        return self._gradient(model, batch)(batch["images"] + self._noise(batch, step))

    def _gradient(self, model, batch) -> Callable[[tf.Tensor], tf.Tensor]:
        """From images to the gradient of their divergence from the batch's."""
        clean_logits = call_model(model, batch["images"])
        temperature = softmax_temperature(self.temperature, clean_logits)
        clean_scores = read_scores(clean_logits).logits

        def divergence(scores: Scores, labels: tf.Tensor, targets: tf.Tensor | None = None) -> tf.Tensor:
            del labels, targets
            return kl_divergence(clean_scores, scores.logits, temperature=temperature)

        oracle = Oracle(model, batch["labels"], None, choose_objective=lambda head: "ce", packing=False)
        return lambda point: oracle.evaluate(point, objective=divergence).gradient

    def _noise(self, batch, step) -> tf.Tensor:
        shape = batch["images"].shape[1:]
        return per_example(
            lambda key: START_DEVIATION * tf.random.stateless_normal(shape, key, alg="philox"),
            batch["indices"],
            seed=step_seed(self.seed, step),
            stream=0,
            signature=tf.float32,
        )


def kl_divergence(
    scores: tf.Tensor, other_scores: tf.Tensor, *, temperature: float | tf.Tensor = 1.0
) -> tf.Tensor:
    """KL(p ‖ q) = Σ_l p_l·(log p_l − log q_l), p and q the softmax of scores/T.

    Args:
        scores: (N, L), of p.
        other_scores: (N, L), of q.
        temperature: T > 0.

    Returns:
        (N,) >= 0, up to rounding.

    Example:
        >>> round(float(kl_divergence(tf.constant([[0.0, 0.0]]), tf.math.log([[0.25, 0.75]]))[0]), 4)
        0.1438
    """
    log_p = tf.nn.log_softmax(scores / temperature)
    log_q = tf.nn.log_softmax(other_scores / temperature)
    return tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=-1)
