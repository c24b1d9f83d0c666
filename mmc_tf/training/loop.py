"""The training loop: one for one device, several GPUs, and several machines."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

from mmc_tf.data import Augmentation, Split, steps_per_epoch, training_batches
from mmc_tf.losses import EMC, HeadLoss
from mmc_tf.program import TerminatedError
from mmc_tf.training import checkpoints, log
from mmc_tf.training.distribution import check_batch_size, distributed_batches, is_chief
from mmc_tf.training.failures import CollapseDetector, check_divergence
from mmc_tf.training.measuring import padded_batches
from mmc_tf.training.monitors.base import Monitor
from mmc_tf.training.recipes.base import Recipe
from mmc_tf.training.runs import RunFolder
from mmc_tf.training.schedules import make_schedule
from mmc_tf.training.settings import LoopSettings
from mmc_tf.training.steps import SUMS, make_eval_step, make_synchronize, make_train_step

# Steps between readings of the device's sums: reading waits for the device, so it is not done at every step.
READ_EVERY = 20


class TrainingLoop:
    """Trains a model by a recipe, writes log and checkpoints, and goes on where a killed run stopped.

    All random draws depend on (seed, step, example), never on how often the run was interrupted: with
    deterministic operations a resumed run ends with the same weights bit for bit.

    Args:
        model: made and compiled, with its optimizer, in the strategy's scope.
        loss: the head's loss.
        recipe: how a batch becomes a loss.
        train: the training images.
        monitored: the split whose accuracy is logged after every epoch; nothing is selected on it.
        monitored_name: its name in the log.
        settings: see `LoopSettings`.
        strategy: any strategy.
        folder: the run's folder, where log and checkpoints go; None writes nothing.
        collapse_scale: C_MM where the collapse of the features is watched for, else None.
        collapse_remedy: what the error of a collapse advises; None: the stable recipe.
        callbacks: Keras callbacks.
        monitors: look at the network after every epoch; their state is in the checkpoints.
        progress: whether a progress bar is drawn.
        should_stop: asked after every step; where it says so, a checkpoint is written and training ends.
    """

    def __init__(
        self,
        *,
        model: keras.Model,
        loss: HeadLoss,
        recipe: Recipe,
        train: Split,
        monitored: Split,
        monitored_name: str,
        settings: LoopSettings,
        strategy: tf.distribute.Strategy,
        folder: RunFolder | None = None,
        collapse_scale: float | None = None,
        collapse_remedy: str | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        monitors: Sequence[Monitor] = (),
        progress: bool = True,
        should_stop: Callable[[], bool] = lambda: False,
    ):
        check_batch_size(strategy, settings.batch_size)
        self.model = model
        self.train = train
        self.monitored = monitored
        self.monitored_name = monitored_name
        self.settings = settings
        self.strategy = strategy
        self.folder = folder
        self.recipe = recipe
        self.monitors = tuple(monitors)
        self.optimizer = model.optimizer
        self.steps_per_epoch = steps_per_epoch(len(train), settings.batch_size)
        self.num_steps = settings.num_steps(self.steps_per_epoch)
        self.progress = progress and is_chief(strategy)
        self.callbacks = keras.callbacks.CallbackList(list(callbacks), model=model)
        self._collapse = CollapseDetector(
            collapse_scale, collapse_remedy, alpha=loss.alpha if isinstance(loss, EMC) else 0.0
        )
        self._should_stop = should_stop
        self._rate = make_schedule(
            settings.learning_policy,
            learning_rate=settings.learning_rate,
            steps_per_epoch=self.steps_per_epoch,
            num_steps=self.num_steps,
            warmup_steps=settings.warmup_steps,
        )
        with strategy.scope():
            recipe.create_state(
                num_examples=len(train),
                batch_size=settings.batch_size,
                image_shape=tuple(train.images.shape[1:]),
            )
        self._train_step = make_train_step(
            model=model,
            loss=loss,
            optimizer=self.optimizer,
            recipe=recipe,
            strategy=strategy,
            batch_size=settings.batch_size,
            clip_norm=settings.clip_norm,
        )
        self._eval_step = make_eval_step(model=model, loss=loss, strategy=strategy)
        self._synchronize = make_synchronize(model=model, strategy=strategy)
        self._epoch_sums = dict.fromkeys(SUMS, 0.0)
        self._seconds = 0.0
        self._stopped = False
        self.step = 0

    def restore(self, checkpoint: pathlib.Path) -> None:
        """Goes on from a checkpoint.

        Raises:
            UserError: if it belongs to another model.
        """
        state = checkpoints.restore(checkpoint, self.model, self.optimizer, self.recipe.variables)
        self.step = state["step"]
        self._epoch_sums = state["epoch_sums"]
        self._seconds = state["seconds"]
        self._collapse.stuck_steps = state["stuck_steps"]
        self._stopped = state.get("stopped", False)
        for monitor, kept in zip(self.monitors, state.get("monitors", ()), strict=False):
            monitor.restore(kept)
        if self.folder is not None and is_chief(self.strategy):
            log.truncate(self.folder.log_file, step=self.step)

    def run(self, on_step: Callable[[int, float], None] | None = None) -> dict[str, Any]:
        """Trains to the end.

        Args:
            on_step: called with (step, mean loss of the step) for every step, in batches of `READ_EVERY`.

        Returns:
            The last log row.

        Raises:
            TrainingFailedError: on divergence or collapse, with the remedy.
            TerminatedError: where `should_stop` said so before the end.
        """
        row: dict[str, Any] = {}
        self.callbacks.on_train_begin()
        batches = iter(self._batches())
        while self.step < self.num_steps and not (self._stopped or self.model.stop_training):
            row = self._run_epoch(batches, on_step)
            if self._should_stop() and self.step < self.num_steps:
                raise self._ended()
        self.callbacks.on_train_end(row)
        return row

    def evaluate(self, split: Split) -> dict[str, float]:
        """Mean loss and accuracy over a split, every example counted once."""
        sums = dict.fromkeys(SUMS, 0.0)
        for batch in padded_batches(self.strategy, split):
            for name, value in self._eval_step(batch).items():
                sums[name] += float(value)
        return _means(sums)

    def finish(self) -> dict[str, Any]:
        """What the monitors do with the network at the end; what `config.json` says of it."""
        found: dict[str, Any] = {}
        for monitor in self.monitors:
            found |= monitor.finish()
        return found

    def _batches(self):
        return distributed_batches(
            self.strategy,
            lambda count, index: training_batches(
                self.train,
                batch_size=self.settings.batch_size,
                seed=self.settings.seed,
                start_step=self.step,
                num_steps=self.num_steps - self.step,
                augmentation=Augmentation(flip=self.settings.flip, shift=self.settings.shift),
                replica_slice=(count, index),
                num_replays=self.recipe.num_replays,
            ),
            batch_size=self.settings.batch_size,
        )

    def _run_epoch(self, batches, on_step) -> dict[str, Any]:
        epoch = self.step // self.steps_per_epoch
        end = min((epoch + 1) * self.steps_per_epoch, self.num_steps)
        self.callbacks.on_epoch_begin(epoch)
        started = time.monotonic()
        first_step = self.step
        pending: list[dict[str, tf.Tensor]] = []
        total = -(-self.num_steps // self.steps_per_epoch)
        with tqdm(
            total=self.steps_per_epoch,
            initial=self.step - epoch * self.steps_per_epoch,
            desc=f"epoch {epoch + 1}/{total}",
            unit="step",
            disable=not self.progress,
            mininterval=1.0,
        ) as bar:
            while self.step < end:
                self.callbacks.on_train_batch_begin(self.step)
                self.optimizer.learning_rate = self._rate(self.step)
                pending.append(self._train_step(next(batches), tf.constant(self.step, tf.int64)))
                self.step += 1
                every = self.settings.checkpoint_every
                stop = self._should_stop() and self.step < end
                save = stop or (bool(every) and self.step % every == 0 and self.step < end)
                if len(pending) == READ_EVERY or self.step == end or save:
                    self._read(pending, on_step)
                    self._report(bar, len(pending), (self.step - first_step) / (time.monotonic() - started))
                    pending = []
                if save:
                    self._checkpoint(started)
                self.callbacks.on_train_batch_end(self.step - 1, _means(self._epoch_sums))
                if stop:
                    raise self._ended()
        return self._end_epoch(epoch, first_step, started)

    def _ended(self) -> TerminatedError:
        kept = "" if self.folder is None else f", which is kept in {self.folder.checkpoints}"
        return TerminatedError(f"ended after step {self.step} of {self.num_steps}{kept}")

    def _read(self, pending: list[dict[str, tf.Tensor]], on_step) -> None:
        interval = dict.fromkeys(SUMS, 0.0)
        for offset, sums in enumerate(pending):
            step = self.step - len(pending) + offset
            values = {name: float(value) for name, value in sums.items()}
            check_divergence(
                values["loss"],
                what="loss",
                step=step,
                learning_rate=self._rate(step),
                kept=checkpoints.last_good(self.folder and self.folder.checkpoints),
            )
            for name, value in values.items():
                interval[name] += value
                self._epoch_sums[name] += value
            if on_step is not None:
                on_step(step, values["loss"] / values["examples"])
        means = _means(interval)
        self._collapse.check(
            means["loss"],
            means["feature_norm"],
            num_steps=len(pending),
            step=self.step,
            learning_rate=self._rate(self.step - 1),
        )

    def _report(self, bar: tqdm, steps: int, steps_per_second: float) -> None:
        means, rate = _means(self._epoch_sums), steps_per_second * self.settings.batch_size
        bar.set_postfix_str(
            f"loss {means['loss']:.4g}, accuracy {means['accuracy']:.2%}, {rate:.0f} images/s", refresh=False
        )
        bar.update(steps)

    def _end_epoch(self, epoch: int, first_step: int, started: float) -> dict[str, Any]:
        trained = time.monotonic() - started
        means = _means(self._epoch_sums)
        self._synchronize()
        monitored = self.evaluate(self.monitored)
        row = {
            "epoch": epoch + 1,
            "step": self.step,
            "seconds": 0.0,
            "learning_rate": self._rate(self.step - 1),
            "loss": means["loss"],
            "accuracy": means["accuracy"],
            "monitored": self.monitored_name,
            "monitored_loss": monitored["loss"],
            "monitored_accuracy": monitored["accuracy"],
            "monitored_error": 1.0 - monitored["accuracy"],
            "images_per_second": round((self.step - first_step) * self.settings.batch_size / trained, 1),
        }
        for monitor in self.monitors:
            row |= monitor.end_epoch(epoch + 1, self.step)
        self._stopped = any(monitor.wants_to_stop for monitor in self.monitors)
        row["seconds"] = round(self._seconds + time.monotonic() - started, 3)
        if self.progress:
            tqdm.write(
                f"epoch {row['epoch']}: loss {row['loss']:.4g}, training accuracy {row['accuracy']:.2%}, "
                f"{self.monitored_name} accuracy {row['monitored_accuracy']:.2%}, {_extras(row)}"
                f"{row['images_per_second']:.0f} images/s, {row['seconds']:.0f} s, "
                f"about {self._seconds_left(row) / 60:.0f} min left"
            )
        if self.folder is not None and is_chief(self.strategy):
            log.append(self.folder.log_file, row)
        self._epoch_sums = dict.fromkeys(SUMS, 0.0)
        self._checkpoint(started)
        self._seconds += time.monotonic() - started
        self.callbacks.on_epoch_end(
            epoch, {name: value for name, value in row.items() if name != "monitored"}
        )
        return row

    def _seconds_left(self, row: dict[str, Any]) -> float:
        """What the rest of the run takes at the pace of all of it so far."""
        return row["seconds"] / self.step * (self.num_steps - self.step)

    def _checkpoint(self, started: float) -> None:
        self._synchronize()
        if self.folder is None or not is_chief(self.strategy):
            return
        state = {
            "epoch_sums": self._epoch_sums,
            "seconds": self._seconds + time.monotonic() - started,
            "stuck_steps": self._collapse.stuck_steps,
            "stopped": self._stopped,
            "monitors": [monitor.state() for monitor in self.monitors],
        }
        checkpoints.save(
            self.folder.checkpoints,
            self.model,
            self.optimizer,
            step=self.step,
            state=state,
            remembered=self.recipe.variables,
        )


def _means(sums: dict[str, float]) -> dict[str, float]:
    examples = max(sums["examples"], 1.0)
    return {
        "loss": sums["loss"] / examples,
        "accuracy": sums["correct"] / examples,
        "feature_norm": sums["feature_norm"] / examples,
    }


def _extras(row: dict[str, Any]) -> str:
    """What monitors found, for the line that is printed after an epoch."""
    return "".join(
        f"{name.replace('_', ' ')} {value:.4g}, " for name, value in row.items() if name not in log.COLUMNS
    )
