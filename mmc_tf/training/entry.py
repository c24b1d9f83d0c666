"""From a plan to a finished run."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import platform
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import mmc_tf
from mmc_tf.checks import UserError
from mmc_tf.files import replacing, seal
from mmc_tf.losses import LOSSES
from mmc_tf.models import build_classifier, default_preprocessing
from mmc_tf.program import TerminatedError
from mmc_tf.training import log, runs, saved
from mmc_tf.training.claims import claimed
from mmc_tf.training.distribution import check_batch_size, is_alone, is_chief, make_strategy
from mmc_tf.training.failures import TrainingFailedError
from mmc_tf.training.loop import TrainingLoop
from mmc_tf.training.methods import make_monitors, make_recipe, margin_limit
from mmc_tf.training.monitors.zero_gradients import describe_zero_gradients
from mmc_tf.training.optimizers import make_optimizer
from mmc_tf.training.plan import TrainingPlan
from mmc_tf.training.precision import settle_precision
from mmc_tf.training.recipes import Recipe, StandardTraining
from mmc_tf.training.recipes.crafting import warn_of_reach
from mmc_tf.training.report.build import try_report
from mmc_tf.training.signals import on_sigterm


def train_from_flags(plan: TrainingPlan, *, adversarial: bool) -> str:
    """Trains by a plan made from a script's flags, and says what came of it.

    Args:
        plan: see `mmc_tf.training.plan.make_plan`.
        adversarial: whether the flags of adversarial training apply.

    Returns:
        What the script prints at the end.

    Raises:
        UserError: if training fails in a way that the user can mend.
    """
    flags = plan.flags
    plan = settle_precision(plan, _build, resume=flags["resume"])
    recipe = make_recipe(plan) if adversarial else StandardTraining()
    strategy = make_strategy(flags["strategy"])
    check_batch_size(strategy, plan.settings.batch_size)
    if flags["deterministic"]:
        tf.config.experimental.enable_op_determinism()
    if flags["dry_run"]:
        _announce(plan, recipe, strategy)
        _build(plan, strategy)
        return "dry run: everything was checked and built, nothing was written"
    with _claimed(plan, strategy, resume=flags["resume"]) as plan:
        _announce(plan, recipe, strategy)
        return _train_and_report(plan, recipe, strategy)


def _announce(plan: TrainingPlan, recipe: Recipe, strategy: tf.distribute.Strategy) -> None:
    if is_chief(strategy):
        print(
            f"{plan.describe()}\nmethod      {recipe.description}\nreplicas    {strategy.num_replicas_in_sync}",
            flush=True,
        )
        short = warn_of_reach(recipe.reach)
        if short:
            print(short, flush=True)


def _train_and_report(plan: TrainingPlan, recipe: Recipe, strategy: tf.distribute.Strategy) -> str:
    """As `train_from_flags`, in a folder that is held."""
    flags, callbacks = plan.flags, []
    if flags["tensorboard"] and is_chief(strategy):
        callbacks.append(keras.callbacks.TensorBoard(plan.folder.path / "tensorboard", write_graph=False))
    # Several machines would have to agree on the step at which they stop; there SIGTERM ends each at once.
    try:
        with on_sigterm(enabled=is_alone(strategy)) as should_stop:
            row = _train(plan, recipe, strategy, callbacks, resume=flags["resume"], should_stop=should_stop)
    except TrainingFailedError as failure:
        raise UserError(f"Training of {plan.folder.path} stopped: {failure}") from None
    except TerminatedError as ending:
        again = f"go on with it: --resume --run_name={plan.folder.path.name}"
        raise TerminatedError(f"training of {plan.folder.path} {ending}; {again}") from None
    if is_chief(strategy):
        if warning := describe_zero_gradients(row.get("zero_gradients", 0.0)):
            print(warning)
        print(try_report(plan.folder.path))
    return (
        f"{plan.folder.path}: test accuracy {row['test_accuracy']:.2%} after {row['step']} steps, "
        f"{row['seconds']:.0f} s\nattack it: python eval_attacks.py --checkpoint={plan.folder.path} --attack=pgd"
    )


def train(
    plan: TrainingPlan,
    recipe: Recipe,
    *,
    strategy: tf.distribute.Strategy | None = None,
    callbacks: list[keras.callbacks.Callback] | None = None,
    resume: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Trains a plan's model by a recipe and leaves a finished run.

    Args:
        plan: see `mmc_tf.training.plan.make_plan`.
        recipe: how a batch becomes a loss.
        strategy: any; None for one device.
        callbacks: Keras callbacks.
        resume: go on from the newest checkpoint of the run's folder, if there is one.
        progress: whether a progress bar is drawn.

    Returns:
        The last row of the log, and `test_accuracy` of the finished network.

    Raises:
        TrainingFailedError: on divergence or collapse.
        UserError: if the checkpoint belongs to another model, or another process trains the run.
    """
    strategy = strategy or tf.distribute.get_strategy()
    plan = settle_precision(plan, _build, resume=resume)
    with _claimed(plan, strategy, resume=resume) as plan:
        return _train(plan, recipe, strategy, callbacks or [], resume=resume, progress=progress)


@contextlib.contextmanager
def _claimed(plan: TrainingPlan, strategy: tf.distribute.Strategy, *, resume: bool) -> Iterator[TrainingPlan]:
    """Holds the run's folder in the process that writes it; the plan with the folder that was free."""
    if not is_chief(strategy):
        yield plan
        return
    is_new = not (resume or plan.flags["overwrite"])
    with claimed(plan.folder, is_new=is_new, stem=plan.stem) as folder:
        yield dataclasses.replace(plan, folder=folder)


def _train(
    plan: TrainingPlan,
    recipe: Recipe,
    strategy: tf.distribute.Strategy,
    callbacks: list[keras.callbacks.Callback],
    *,
    resume: bool,
    progress: bool = True,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """As `train`, in a folder that is held."""
    chief = is_chief(strategy)
    newest, damaged = saved.newest_checkpoint(plan.folder.checkpoints) if resume else (None, [])
    config = plan.config() | {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "method": recipe.description,
        "accuracy_on": recipe.accuracy_on,
        "margin_limit": margin_limit(plan),
        "finished": False,
    }
    model, loss = _build(plan, strategy)
    name, monitored = plan.monitored
    loop = TrainingLoop(
        monitors=make_monitors(plan, model, strategy, recipe),
        model=model,
        loss=loss,
        recipe=recipe,
        train=plan.dataset.train,
        monitored=monitored,
        monitored_name=name,
        settings=plan.settings,
        strategy=strategy,
        folder=plan.folder,
        collapse_scale=plan.collapse_scale,
        collapse_remedy=plan.collapse_remedy,
        callbacks=callbacks,
        progress=progress,
        should_stop=should_stop,
    )
    if newest is not None:
        loop.restore(newest)
    # Only now, when everything is built: a mistake must not have cost the run that is replaced.
    if chief:
        if not resume:
            runs.clear(plan.folder)
        elif newest is None:
            log.truncate(plan.folder.log_file, step=0)
        for path in damaged:  # it would pass for the newest until it is written again
            path.unlink(missing_ok=True)
        plan.folder.write_config(config)
    row = loop.run() or log.last(plan.folder.log_file)
    found = loop.finish()
    tested = loop.evaluate(plan.dataset.test)
    if chief:
        final = model if plan.settings.precision == "float32" else _in_float32(plan, model)
        with replacing(plan.folder.final_model, durable=True) as temporary:
            final.save(temporary)
            seal(temporary)
        plan.folder.write_config(config | found | {"finished": True, "clean_accuracy": tested["accuracy"]})
    return row | {"test_accuracy": tested["accuracy"]}


def _build(plan: TrainingPlan, strategy: tf.distribute.Strategy):
    """The compiled model and its loss, in the strategy's scope and precision."""
    data = plan.dataset
    loss = LOSSES.get(plan.loss)(**plan.loss_settings)
    preprocessing = plan.preprocessing or default_preprocessing(plan.model_name)
    keras.utils.set_random_seed(plan.settings.seed)
    keras.config.set_dtype_policy(plan.settings.precision)
    try:
        with strategy.scope():
            model = build_classifier(
                plan.model_name,
                input_shape=data.image_shape,
                num_classes=data.num_classes,
                head=loss.head,
                centers=plan.centers,
                preprocessing=preprocessing,
                training_images=data.train.as_float() if preprocessing in ("mean", "zca") else None,
                options=plan.options,
            )
            optimizer = make_optimizer(
                plan.settings.optimizer,
                learning_rate=plan.settings.learning_rate,
                momentum=plan.settings.momentum,
                nesterov=plan.settings.nesterov,
                precision=plan.settings.precision,
            )
            optimizer.build(model.trainable_variables)
            model.compile(optimizer=optimizer, loss=loss, metrics=["sparse_categorical_accuracy"])
    finally:
        keras.config.set_dtype_policy("float32")
    return model, loss


def _in_float32(plan: TrainingPlan, model: keras.Model) -> keras.Model:
    """The trained network with layers that compute in float32: verdicts under attack are given in float32."""
    settings = dataclasses.replace(plan.settings, precision="float32")
    copy, _ = _build(dataclasses.replace(plan, settings=settings), tf.distribute.get_strategy())
    copy.set_weights(model.get_weights())
    return copy


def _versions() -> dict[str, str]:
    return {
        "mmc_tf": mmc_tf.__version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
