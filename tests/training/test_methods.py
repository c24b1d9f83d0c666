"""What every registered method must do: train with every loss, on one device and on two."""

import numpy as np
import pytest
import tensorflow as tf
from toy import losses_of, toy_loop

from flags.cli import parse
from flags.resolve import resolve_training
from flags.scripts import TRAIN_AT
from mmc_tf.losses import LOSSES
from mmc_tf.training.entry import train_from_flags
from mmc_tf.training.methods import GUARD_EXAMPLES, make_monitors, make_recipe
from mmc_tf.training.monitors import MarginSelection, OverfittingGuard
from mmc_tf.training.plan import make_plan
from mmc_tf.training.recipes import METHODS, FastTraining, MethodSettings
from mmc_tf.training.recipes.crafting import warn_of_reach

ALL_METHODS = METHODS.names()
# They differ in what the methods see: logits, or distances to centers.
TWO_LOSSES = ("SCE", "MMC")


def recipe_of(method):
    """A short one; ddn's norm is l2."""
    settings = MethodSettings(
        num_classes=10,
        steps_per_epoch=10,
        norm="l2" if method == "ddn" else "linf",
        epsilon=0.1,
        num_steps=2,
        num_bisections=4,
        num_replays=2,
        epsilon_warmup_epochs=0.2,
    )
    return METHODS.get(method).from_settings(settings)


def check_training(method, loss):
    loop = toy_loop(loss=loss, recipe=recipe_of(method), max_steps=4)
    before = loop.model.get_weights()
    losses = losses_of(loop)
    assert len(losses) == 4
    assert np.all(np.isfinite(losses))
    after = loop.model.get_weights()
    assert all(np.all(np.isfinite(weight)) for weight in after)
    assert all(np.all(np.isfinite(variable)) for variable in loop.recipe.variables)
    trained = [variable.path for variable in loop.model.trainable_variables]
    moved = [
        variable.path
        for variable, old, new in zip(loop.model.weights, before, after, strict=True)
        if not np.array_equal(old, new)
    ]
    assert set(trained) <= set(moved)


@pytest.mark.parametrize("method", ALL_METHODS)
def test_every_method_trains(method):
    check_training(method, TWO_LOSSES[ALL_METHODS.index(method) % 2])


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES.names())
@pytest.mark.parametrize("method", ALL_METHODS)
def test_every_method_trains_with_every_loss(method, loss):
    check_training(method, loss)


def check_replicas(method, loss, mirrored):
    alone = losses_of(toy_loop(loss=loss, recipe=recipe_of(method), max_steps=4))
    together = losses_of(toy_loop(loss=loss, recipe=recipe_of(method), max_steps=4, strategy=mirrored))
    np.testing.assert_allclose(together, alone, rtol=1e-3)


def test_two_replicas_take_the_steps_of_one(mirrored):
    check_replicas("trades", "MMC", mirrored)


@pytest.mark.slow
@pytest.mark.parametrize("loss", TWO_LOSSES)
@pytest.mark.parametrize("method", ALL_METHODS)
def test_every_method_takes_the_steps_of_one_device_on_two(method, loss, mirrored):
    check_replicas(method, loss, mirrored)


@pytest.mark.parametrize("method", ALL_METHODS)
def test_every_method_says_what_it_does(method):
    assert len(recipe_of(method).description) > 20


def plan_of(runs_dir, *words):
    command = ["train_at.py", "--dataset=digits", f"--runs_dir={runs_dir}", *words]
    return make_plan(resolve_training(parse(command, TRAIN_AT.definitions)), adversarial=True)


def test_the_form_of_the_loss_reaches_it_and_collapse_is_watched_in_the_squared_form_alone(tmp_path):
    plan = plan_of(tmp_path, "--mmc_form=huber", "--mmc_delta=0.5")
    assert (plan.loss_settings, plan.collapse_scale) == ({"form": "huber", "delta": 0.5}, None)
    plan = plan_of(tmp_path, "--mmc_form=squared")
    assert plan.loss_settings == {"form": "squared"}
    assert plan.collapse_scale == pytest.approx(10.0)


@pytest.mark.parametrize("method", sorted(set(ALL_METHODS) - {"standard"}))
def test_a_command_makes_the_recipe_of_its_method(method, tmp_path):
    plan = plan_of(tmp_path, f"--method={method}")
    assert type(make_recipe(plan)) is METHODS.get(method)
    guarded = [isinstance(monitor, OverfittingGuard) for monitor in monitors_of(plan)]
    assert any(guarded) == (method == "fast")


def test_the_guard_comes_before_the_selection(tmp_path):
    plan = plan_of(tmp_path, "--method=fast", "--selection=margin", "--epsilon=0.1")
    guard, selection = monitors_of(plan)
    assert isinstance(guard, OverfittingGuard)
    assert isinstance(selection, MarginSelection)
    recipe = make_recipe(plan)
    assert isinstance(recipe, FastTraining)
    assert recipe.attack.settings()["step_size"] == pytest.approx(0.125)
    row = guard.end_epoch(1, 10)
    # An accuracy over so many images.
    assert row["pgd_accuracy"] * GUARD_EXAMPLES == pytest.approx(round(row["pgd_accuracy"] * GUARD_EXAMPLES))
    assert (tmp_path / plan.folder.path.name / "checkpoints" / "guarded-00000010.npz").exists()


def monitors_of(plan):
    return make_monitors(plan, toy_loop().model, tf.distribute.get_strategy())


@pytest.mark.parametrize("method", ALL_METHODS)
def test_a_method_says_that_its_steps_do_not_cross_the_ball(method):
    norm = "l2" if method == "ddn" else "linf"
    settings = {"num_classes": 10, "steps_per_epoch": 10, "norm": norm, "epsilon": 0.3}
    make = METHODS.get(method).from_settings
    assert warn_of_reach(make(MethodSettings(**settings)).reach) is None
    # Three steps of .01 as `num_steps`, and as replays; `fast` has one step.
    said = warn_of_reach(make(MethodSettings(**settings, num_steps=3, num_replays=3, step_size=0.01)).reach)
    if method in ("mma", "omma", "ddn", "standard"):
        # Their radius is each example's own.
        assert said is None
    else:
        covered = "0.01" if method == "fast" else "0.03"
        assert said.startswith(
            f"warning UNREACHABLE_RADIUS: the steps of the inner attack together cover {covered} of the radius 0.3, "
        )


def test_one_long_step_reaches_whatever_it_is_told():
    settings = {"num_classes": 10, "epsilon": 0.3, "step_size": 0.01}
    make = METHODS.get("pgd").from_settings
    assert warn_of_reach(make(MethodSettings(**settings, attack_method="fgsm")).reach) is None
    assert warn_of_reach(make(MethodSettings(**settings, attack_method="bim")).reach) is not None
    # Nothing is crafted where the loss has no part of it.
    assert warn_of_reach(make(MethodSettings(**settings, adv_ratio=0.0)).reach) is None


@pytest.mark.parametrize(("words", "count"), [(["--step_size=0.01", "--num_steps=3"], 1), ([], 0)])
def test_a_command_says_before_training_that_its_steps_do_not_cross_the_ball(words, count, tmp_path, capsys):
    plan = plan_of(tmp_path, "--epsilon=0.3", "--dry_run", "--model=lenet5", "--loss=SCE", *words)
    assert train_from_flags(plan, adversarial=True).startswith("dry run")
    assert capsys.readouterr().out.count("UNREACHABLE_RADIUS") == count
