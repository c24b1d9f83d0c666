"""What others offer in TensorFlow: CleverHans' PGD, foolbox' PGD, and CleverHans 3.1's SPSA as a plain loop."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from cleverhans.tf2.attacks.projected_gradient_descent import projected_gradient_descent

FIRST_DECAY, SECOND_DECAY, STABILISER = 0.9, 0.999, 1e-9


def logits_function(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """The model in evaluation mode, compiled once: what is fastest to give to a library."""
    return tf.function(lambda images: model(images, training=False))


def cleverhans_pgd(
    logits: Callable,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float,
    step_size: float,
    num_steps: int,
) -> np.ndarray:
    """CleverHans 4.0 from a random start."""
    return projected_gradient_descent(
        logits,
        tf.constant(images),
        epsilon,
        step_size,
        num_steps,
        np.inf,
        clip_min=0.0,
        clip_max=1.0,
        y=labels,
        rand_init=True,
        sanity_checks=False,
    ).numpy()


def foolbox_pgd() -> Callable[..., np.ndarray] | None:
    """foolbox' PGD on TensorFlow, or None if foolbox is not installed here."""
    if not hasattr(np, "find_common_type"):
        # NumPy 2 has dropped it; eagerpy 0.30 asks for it.
        np.find_common_type = lambda arrays, scalars: np.result_type(*arrays, *scalars)
    try:
        import foolbox
    except ImportError:
        return None

    def attack(logits, images, labels, *, epsilon, step_size, num_steps):
        model = foolbox.TensorFlowModel(logits, bounds=(0, 1), device="/cpu:0")
        pgd = foolbox.attacks.LinfPGD(abs_stepsize=step_size, steps=num_steps, random_start=True)
        return pgd(model, tf.constant(images), tf.constant(labels), epsilons=epsilon)[1].numpy()

    return attack


def spsa_one_by_one(
    logits: Callable,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float,
    samples: int,
    num_steps: int,
    delta: float,
    learning_rate: float,
    seed: int = 0,
) -> np.ndarray:
    """CleverHans 3.1's SPSA, as a straight loop: image by image, step by step, `samples` queries a pass.

    Its defaults are kept: Adam (β 0.9 and 0.999, 1e-9) on the mean of the differences along random signs, the
    margin of the logits as loss, a random start, all steps.
    """
    generator = np.random.default_rng(seed)
    shape = images.shape[1:]
    broken = np.empty_like(images)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        perturbation = generator.uniform(-epsilon, epsilon, shape)
        perturbation = (np.clip(image + perturbation, 0, 1) - image).astype(np.float32)
        first, second = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for step in range(1, num_steps + 1):
            signs = generator.choice(np.array([-1, 1], np.float32), (samples // 2, *shape))
            probes = np.concatenate([delta * signs, -delta * signs]) + (image + perturbation)
            values = logits(tf.constant(probes)).numpy()
            others = np.delete(values, label, axis=1).max(axis=1)
            losses = values[:, label] - others
            half = len(signs)
            rises = (losses[:half] - losses[half:]) / (2 * delta)
            gradient = (rises[:, None, None, None] * signs).mean(axis=0)
            first = FIRST_DECAY * first + (1 - FIRST_DECAY) * gradient
            second = SECOND_DECAY * second + (1 - SECOND_DECAY) * gradient**2
            mean, size = first / (1 - FIRST_DECAY**step), second / (1 - SECOND_DECAY**step)
            perturbation -= learning_rate * mean / (np.sqrt(size) + STABILISER)
            perturbation = np.clip(perturbation, -epsilon, epsilon)
            perturbation = np.clip(image + perturbation, 0, 1) - image
        broken[number] = image + perturbation
    return broken
