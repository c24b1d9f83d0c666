"""What a training command will do, found out before anything slow or anything written.

Nothing here needs TensorFlow: a mistake is answered in a second, not after the ten that its import may take.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from mmc_tf import files
from mmc_tf.centers import hierarchical_centers, make_centers
from mmc_tf.checks import UserError, argument_error
from mmc_tf.data import Dataset, Split, load
from mmc_tf.data.fingerprints import fingerprint_split
from mmc_tf.models import Backbone, BackboneOptions, resolve
from mmc_tf.models.precision import AUTO, PrecisionChoice
from mmc_tf.training import runs
from mmc_tf.training.cluster import check_cluster
from mmc_tf.training.failures import collapse_remedy
from mmc_tf.training.growth import DELAY, GROWTH, complete_growth, describe_default
from mmc_tf.training.naming import choose_name, stem_of
from mmc_tf.training.schedules import default_epochs
from mmc_tf.training.settings import LoopSettings

# Losses whose head has Max-Mahalanobis centers.
CENTER_LOSSES = ("MMC", "HMMC", "MMLDA", "EMC")
# Objectives of attacks that measure distances to them.
CENTER_OBJECTIVES = ("mmc", "mmc_margin")
# Dimension of the original's features, for simplices that the network's own has no room for.
ROOMY_FEATURE_DIM = 256
# Losses under which features that collapse to the origin stay there, at C_MM² or, where centers move, below.
COLLAPSING_LOSSES = ("MMC", "EMC")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """A checked training command.

    Args:
        flags: every flag's value by its canonical name, resolved.
        dataset: loaded.
        model_name: the backbone's full name, such as `resnet32v1`.
        options: the backbone's switches.
        preprocessing: what stands before the backbone; None: the backbone's own.
        loss: a name of `mmc_tf.losses.LOSSES`.
        loss_settings: arguments of its class.
        centers: (L, d) float64 for losses with centers, else None.
        settings: of the loop.
        folder: the run's, not yet made.
        command: the command line.
        added: what the defaults added to the papers' recipe of adversarial training, by the names of the flags.
        precision: what it is trained in and why, once that is settled (`mmc_tf.training.precision`).
        stem: what the run was named after, where another free name would do as well; None where the name is asked for.
        notes: what else is said of the run before it begins.
    """

    flags: dict[str, Any]
    dataset: Dataset
    model_name: str
    options: BackboneOptions
    preprocessing: str | None
    loss: str
    loss_settings: dict[str, Any]
    centers: np.ndarray | None
    settings: LoopSettings
    folder: runs.RunFolder
    command: str
    added: dict[str, Any] = dataclasses.field(default_factory=dict)
    precision: PrecisionChoice | None = None
    stem: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def monitored(self) -> tuple[str, Split]:
        """Name and images of the split whose accuracy is logged after every epoch."""
        if self.dataset.validation is not None:
            return "validation", self.dataset.validation
        return "test", self.dataset.test

    @property
    def collapse_scale(self) -> float | None:
        """C_MM where collapse is watched for, else None: it is recognized by the squared form's value."""
        if self.loss not in COLLAPSING_LOSSES or self.centers is None:
            return None
        if self.loss_settings.get("form", "squared") != "squared":
            return None
        return float(np.linalg.norm(self.centers[0]))

    @property
    def num_steps(self) -> int:
        """The run's length in steps."""
        return self.settings.num_steps(len(self.dataset.train) // self.settings.batch_size)

    @property
    def collapse_remedy(self) -> str:
        """What to do if the features collapse, other than what the run does."""
        return collapse_remedy(
            learning_rate=self.settings.learning_rate,
            warmup_steps=self.settings.warmup_steps,
            clip_norm=self.settings.clip_norm,
            model_name=self.model_name,
            delay=self.flags.get(DELAY),
            growth=self.flags.get(GROWTH),
            epsilon=self.flags.get("epsilon"),
        )

    def describe(self) -> str:
        """The plan in a few lines, with what the defaults added."""
        settings, data = self.settings, self.dataset
        name, split = self.monitored
        selected = (
            "held out of training" if name == "validation" else "reported only: nothing is selected on it"
        )
        centers = "" if self.centers is None else f", {self.flags['centers']} centers of {self.centers.shape}"
        decay = self.options.weight_decay
        clip = (
            f"gradient clipped at norm {settings.clip_norm:g}"
            if settings.clip_norm
            else "no gradient clipping"
        )
        chosen = self.precision
        warmup = f"warm-up over {settings.warmup_steps} steps" if settings.warmup_steps else "no warm-up"
        growth = []
        if self.added:
            growth = [f"growth      {describe_default(self.flags, num_steps=self.num_steps)}"]
        return "\n".join(
            [
                f"run         {self.folder.path}",
                f"data        {data.name}: {len(data.train)} training and {len(data.test)} test images, {data.source}",
                f"monitored   {name}: {len(split)} images, {selected}",
                f"model       {self.model_name}, loss {self.loss}{centers}",
                f"recipe      {settings.optimizer}, lr {settings.learning_rate:g}, {settings.learning_policy}, "
                f"{settings.epochs} epochs, batch {settings.batch_size}, {settings.precision}",
                *([f"precision   {chosen.reason}"] if chosen and chosen.asked == AUTO else []),
                f"stability   {warmup}, {clip} (--warmup_steps=0 --clip_norm=0 is the papers' bare recipe)",
                *growth,
                f"penalty     {decay:g} Σw² on convolution kernels (its gradient is {2 * decay:g} w)",
                f"augmentation flip {settings.flip}, shift {settings.shift:g}",
                *(f"resume      {note}" for note in self.notes),
            ]
        )

    def config(self) -> dict[str, Any]:
        """What `config.json` holds besides versions."""
        data = self.dataset
        return {
            "command": self.command,
            "flags": self.flags,
            "dataset": {
                "name": data.name,
                "num_classes": data.num_classes,
                "image_shape": list(data.image_shape),
                "class_names": list(data.class_names),
                "train_size": len(data.train),
                "test_size": len(data.test),
                "source": data.source,
                "sha256": _fingerprints(data),
            },
            "model": {"name": self.model_name, "loss": self.loss, **dataclasses.asdict(self.options)},
            "monitored": self.monitored[0],
            "added": self.added,
            **({"precision": self.precision.as_dict()} if self.precision else {}),
        }


def make_plan(flags: Any, *, adversarial: bool) -> TrainingPlan:
    """Checks a training command's flags against each other, the files and the disk.

    Args:
        flags: the resolved flags (`flags.resolve.resolve_training`) as attributes, with `command`.
        adversarial: whether the run is named as adversarial training.

    Raises:
        UserError: for whatever would make the run impossible.
    """
    values = flags.as_dict()
    backbone = resolve(flags.model, version=flags.version)
    stem = stem_of(flags, adversarial)
    name = flags.run_name or choose_name(flags, adversarial)
    if flags.strategy == "multi_worker":
        check_cluster()
    if adversarial:
        check_objective(flags.objective, flags.loss)
    files.check_writable("runs_dir", flags.runs_dir, probe=not flags.dry_run)
    kept = runs.kept_config(flags.runs_dir, name) if flags.resume else None
    if kept is not None:
        # A run goes on as it began, also one that began when the default was another.
        left_open = [name for name in (DELAY, GROWTH) if name in values and values[name] is None]
        values |= {name: kept["flags"].get(name, 0) for name in left_open}
    folder = runs.open_run(
        flags.runs_dir, name, {"flags": values}, resume=flags.resume, overwrite=flags.overwrite
    )
    loss_settings = _loss_settings(flags)
    dataset = load(
        flags.dataset,
        data_dir=flags.data_dir,
        train_size=flags.train_size,
        test_size=flags.test_size,
        validation_size=flags.validation_size,
    )
    options = BackboneOptions(
        use_bn=flags.use_bn,
        use_leaky=flags.use_leaky,
        use_dense=flags.use_dense,
        feature_dim=_feature_dim(flags, backbone, dataset.num_classes),
        weight_decay=flags.weight_decay,
        dropout=flags.dropout,
        seed=flags.seed,
    )
    feature_dim = options.feature_dim or (backbone.feature_dim if options.use_dense else backbone.own_width)
    centers = _centers(flags, dataset, feature_dim) if flags.loss in CENTER_LOSSES else None
    if flags.batch_size > len(dataset.train):
        raise argument_error(
            "batch_size", f"at most {len(dataset.train)}, the number of training images", flags.batch_size
        )
    epochs = flags.epochs or default_epochs(
        flags.learning_policy, steps_per_epoch=len(dataset.train) // flags.batch_size
    )
    settings = LoopSettings(
        epochs=epochs,
        batch_size=flags.batch_size,
        optimizer=flags.optimizer,
        learning_rate=flags.lr,
        momentum=flags.momentum,
        nesterov=flags.nesterov,
        learning_policy=flags.learning_policy,
        warmup_steps=flags.warmup_steps,
        clip_norm=flags.clip_norm,
        precision=flags.precision,
        seed=flags.seed,
        max_steps=flags.max_steps,
        checkpoint_every=flags.checkpoint_every,
        flip=flags.flip,
        shift=flags.shift,
    )
    planned = epochs * (len(dataset.train) // flags.batch_size)
    growth, added = complete_growth(values, loss=flags.loss, planned_steps=planned)
    values |= growth
    if kept is not None:
        added = kept.get("added", {})
    notes = _check_resumption(folder, dataset) if flags.resume else ()
    return TrainingPlan(
        flags=values,
        dataset=dataset,
        model_name=backbone.name,
        options=options,
        preprocessing="zca" if flags.zca_whitening else None,
        loss=flags.loss,
        loss_settings=loss_settings,
        centers=centers,
        settings=settings,
        folder=folder,
        command=flags.command,
        added=added,
        stem=None if flags.run_name or flags.resume or flags.overwrite else stem,
        notes=notes,
    )


def _fingerprints(dataset: Dataset) -> dict[str, str]:
    """SHA-256 of each split."""
    splits = {"training": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {name: fingerprint_split(split) for name, split in splits.items() if split is not None}


def _check_resumption(folder: runs.RunFolder, dataset: Dataset) -> tuple[str, ...]:
    """What is said of a run that is resumed.

    Raises:
        UserError: if its data are others now.
    """
    unknown = None if folder.is_vacant else runs.check_data(folder, _fingerprints(dataset))
    return (runs.describe_resumption(folder), *filter(None, [unknown]))


def _feature_dim(flags: Any, backbone: Backbone, num_classes: int) -> int | None:
    """The dimension asked for, or None for the network's own.

    A simplex of CIFAR-100's classes has no room in ResNet v1's 64 dimensions; the original's features have 256.
    """
    crowded = flags.centers == "simplex" and num_classes > backbone.feature_dim + 1
    if flags.feature_dim is None and crowded and flags.use_dense and flags.loss in CENTER_LOSSES:
        return ROOMY_FEATURE_DIM
    return flags.feature_dim


def _centers(flags: Any, dataset: Dataset, feature_dim: int) -> np.ndarray:
    if flags.hierarchy and flags.centers != "hierarchical":
        raise argument_error("hierarchy", "--centers=hierarchical with it", f"--centers={flags.centers}")
    if flags.hierarchy:
        return _centers_of_tree(flags, dataset.num_classes, feature_dim)
    return make_centers(
        flags.centers,
        dataset.num_classes,
        feature_dim,
        scale=flags.scale,
        seed=flags.center_seed,
        superclasses=dataset.superclasses,
        sub_scale=flags.sub_scale,
    )


def _centers_of_tree(flags: Any, num_classes: int, feature_dim: int) -> np.ndarray:
    try:
        tree = files.read_json(flags.hierarchy)
    except UserError as error:
        raise argument_error(
            "hierarchy", "a readable JSON file with a tree of class indices", str(error)
        ) from None
    depth = _depth(tree)
    ratio = (flags.sub_scale or flags.scale / 10) / flags.scale
    scales = tuple(flags.scale * ratio**level for level in range(depth))
    centers = hierarchical_centers(tree, feature_dim, scales=scales)
    if len(centers) != num_classes:
        raise argument_error(
            "hierarchy", f"a tree with {num_classes} classes", f"{len(centers)} in {flags.hierarchy}"
        )
    return centers


def _depth(tree: Any) -> int:
    children = tree.values() if isinstance(tree, dict) else tree
    return 1 + max(_depth(child) for child in children) if isinstance(tree, dict | list) and children else 0


def _loss_settings(flags: Any) -> dict[str, Any]:
    if flags.mmc_form and flags.loss != "MMC":
        raise argument_error("mmc_form", "--loss=MMC with it", f"{flags.mmc_form} with --loss={flags.loss}")
    if flags.mmc_delta and flags.mmc_form != "huber":
        received = f"{flags.mmc_delta:g} with --mmc_form={flags.mmc_form or 'squared'}"
        raise argument_error("mmc_delta", "--mmc_form=huber with it", received)
    chosen = {
        "MMC": {"form": flags.mmc_form, "delta": flags.mmc_delta},
        "Center": {"weight": flags.center_weight, "alpha": flags.center_alpha},
        "LGM": {"margin": flags.lgm_margin, "weight": flags.lgm_weight},
        "EMC": {"alpha": flags.emc_alpha},
    }.get(flags.loss, {})
    return {name: value for name, value in chosen.items() if value is not None}


def check_objective(objective: str | None, loss: str | None) -> None:
    """Makes sure that an attack's objective works with the head of a loss; unknown heads are let pass.

    Raises:
        UserError: for an objective that measures distances to centers where there are none.
    """
    if objective in CENTER_OBJECTIVES and loss is not None and loss not in CENTER_LOSSES:
        expected = f"one that works without MM centers, such as margin, for loss {loss}"
        raise argument_error("objective", expected, objective)
