"""The radius that grows by default: where, how far, what is said of it, and that a resumed run keeps its own."""

import json

import numpy as np
import pytest
import tensorflow as tf
from toy import digits, toy_loop

from flags.cli import parse
from flags.names import METHOD_FLAGS
from flags.resolve import resolve_training
from flags.scripts import TRAIN_AT
from mmc_tf.attacks import make
from mmc_tf.training.failures import collapse_remedy
from mmc_tf.training.growth import DEFAULTS, GROWING_METHODS, complete_growth, default_growth, describe_growth
from mmc_tf.training.methods import make_recipe
from mmc_tf.training.plan import make_plan
from mmc_tf.training.recipes import METHODS, FixedEpsilonTraining, FreeTraining, MethodSettings
from mmc_tf.training.recipes.crafting import growing_share

STABLE = {"learning_rate": 0.01, "warmup_steps": 200, "clip_norm": 10.0, "model_name": "mnist"}


def plan_of(runs_dir, *words):
    # 600 images in batches of 20: 30 steps an epoch.
    line = [
        "train_at.py",
        "--dataset=digits",
        "--train_size=600",
        "--batch_size=20",
        f"--runs_dir={runs_dir}",
    ]
    return make_plan(resolve_training(parse([*line, *words], TRAIN_AT.definitions)), adversarial=True)


def growth_of(plan):
    return plan.flags["epsilon_delay_steps"], plan.flags["epsilon_warmup_steps"]


@pytest.mark.parametrize(
    ("loss", "planned", "expected"),
    [
        ("MMC", 60_000, (300, 1200)),
        ("MMC", 1500, (300, 500)),
        ("EMC", 90, (30, 30)),
        ("Center", 2, (0, 0)),
        ("SCE", 60_000, (0, 0)),
    ],
)
def test_a_short_training_has_a_third_of_its_steps_at_the_whole_radius(loss, planned, expected):
    assert tuple(default_growth(loss, planned).values()) == expected


@pytest.mark.parametrize(
    ("delay", "growth", "complete", "added"),
    [
        (None, None, (300, 1200), {"epsilon_delay_steps": 300, "epsilon_warmup_steps": 1200}),
        (None, 0, (0, 0), {}),
        (None, 500, (0, 500), {}),
        (50, None, (50, 1200), {"epsilon_warmup_steps": 1200}),
        (50, 0, (50, 0), {}),
    ],
)
def test_a_command_that_names_the_growth_gets_what_it_says(delay, growth, complete, added):
    flags = {"epsilon_delay_steps": delay, "epsilon_warmup_steps": growth}
    filled, found = complete_growth(flags, loss="MMC", planned_steps=60_000)
    assert (tuple(filled.values()), found) == (complete, added)
    assert complete_growth({}, loss="MMC", planned_steps=60_000) == ({}, {})


@pytest.mark.parametrize(
    ("delay", "growth", "shares"),
    [
        (0, 0, [1, 1, 1, 1, 1]),
        (0, 4, [0.25, 0.5, 0.75, 1, 1]),
        (2, 2, [0, 0, 0.5, 1, 1]),
        (2, 0, [0, 0, 1, 1, 1]),
    ],
)
def test_shares_of_the_radius(delay, growth, shares):
    steps = tf.range(5, dtype=tf.int64)
    np.testing.assert_allclose([float(growing_share(s, growth, delay)) for s in steps], shares, rtol=1e-6)


def test_the_flags_of_growth_reach_the_methods_that_grow():
    assert {METHOD_FLAGS[name] for name in DEFAULTS} == {GROWING_METHODS}


def test_words():
    assert describe_growth(0, 0) == ""
    assert describe_growth(0, 7) == "epsilon from 0 over 7 steps"
    assert describe_growth(3, 0) == "epsilon 0 for 3 steps, then whole at once"


@pytest.mark.parametrize("method", GROWING_METHODS)
def test_the_default_is_made_printed_and_recorded(method, tmp_path):
    plan = plan_of(tmp_path, f"--method={method}", "--epochs=40", "--max_steps=500", "--loss=MMC")
    assert growth_of(plan) == (300, 400)
    line = next(text for text in plan.describe().splitlines() if text.startswith("growth "))
    assert "epsilon 0 for 300 steps, then growing over 400 steps" in line
    assert "--epsilon_warmup_steps=0 is the papers' bare recipe" in line
    assert "ends at step 500 with 50% of the radius" in line
    config = plan.config()
    assert config["added"] == {"epsilon_delay_steps": 300, "epsilon_warmup_steps": 400}
    assert config["flags"]["epsilon_delay_steps"] == 300
    recipe = make_recipe(plan)
    assert (recipe.epsilon_delay_steps, recipe.epsilon_warmup_steps) == (300, 400)
    assert "then growing over 400 steps" in recipe.description


def test_the_bare_recipe_and_cross_entropy_add_nothing(tmp_path):
    for words in (["--epsilon_warmup_steps=0"], ["--loss=SCE"], ["--method=mma"]):
        plan = plan_of(tmp_path, "--epochs=40", *words)
        assert growth_of(plan) == (0, 0)
        assert plan.added == {}
        assert "growth " not in plan.describe()


@pytest.mark.parametrize(
    ("kept", "words", "expected"),
    [
        ({}, [], (0, 0)),  # a run from before there was such a flag
        ({"epsilon_warmup_steps": 0}, [], (0, 0)),
        ({"epsilon_warmup_steps": 70}, [], (0, 70)),
        ({"epsilon_warmup_steps": 70}, ["--epsilon_warmup_steps=70"], (0, 70)),
        ({"epsilon_warmup_steps": 400, "epsilon_delay_steps": 300}, [], (300, 400)),
    ],
)
def test_a_resumed_run_keeps_its_recipe(kept, words, expected, tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"flags": {"loss": "MMC", **kept}}))
    plan = plan_of(tmp_path, "--run_name=old", "--resume", "--epochs=40", *words)
    assert growth_of(plan) == expected
    assert plan.added == {}


def test_free_training_climbs_by_the_share_of_the_step():
    recipe = FreeTraining(epsilon=0.2, step_size=0.4, epsilon_warmup_steps=4, epsilon_delay_steps=2)
    recipe.create_state(num_examples=1, batch_size=1, image_shape=(1, 1, 1))
    found = []
    for step in range(7):
        batch = recipe.prepare({"images": tf.fill((1, 1, 1, 1), 0.5), "labels": tf.constant([0])})
        recipe.absorb(batch, tf.ones((1, 1, 1, 1)), tf.constant(step, tf.int64))
        found.append(float(recipe.variables[0][0, 0, 0, 0]))
    np.testing.assert_allclose(found, [0, 0, 0.05, 0.1, 0.15, 0.2, 0.2], atol=1e-6)


def test_settings_reach_every_recipe_that_grows():
    for method in GROWING_METHODS:
        settings = MethodSettings(num_classes=10, epsilon_warmup_steps=5, epsilon_delay_steps=3)
        recipe = METHODS.get(method).from_settings(settings)
        assert (recipe.epsilon_delay_steps, recipe.epsilon_warmup_steps) == (3, 5)


@pytest.mark.parametrize(
    ("run", "remedy"),
    [
        ({"delay": 0, "growth": 0, "epsilon": 0.3}, "--epsilon_delay_steps=300 --epsilon_warmup_steps=1200"),
        (
            {"delay": 0, "growth": 1500, "epsilon": 0.3},
            "--epsilon_delay_steps=300 --epsilon_warmup_steps=1200",
        ),
        (
            {"delay": 300, "growth": 1200, "epsilon": 0.3},
            "--epsilon_delay_steps=600 --epsilon_warmup_steps=2400, or with --epsilon=0.15",
        ),
        ({"delay": 300, "growth": 1200, "epsilon": 0.3, "clip_norm": 0.0}, "--clip_norm=10"),
        ({"learning_rate": 0.1}, "--lr=0.01"),
        ({"warmup_steps": 0, "clip_norm": 0.0}, "--warmup_steps=200 --clip_norm=10"),
        ({"model_name": "resnet32v1"}, "--version=2"),
        ({}, "--optimizer=adam --lr=0.001"),
    ],
)
def test_the_remedy_differs_from_what_was_run(run, remedy):
    assert collapse_remedy(**{**STABLE, **run}) == f"train again with {remedy}"


@pytest.mark.slow
def test_a_large_radius_collapses_bare_and_trains_by_default():
    """MMC on digits at ε = 0.3, 360 steps: the bare recipe ends at the origin, the default with 95 % of the images."""
    accuracy = {}
    growths = {
        "bare": {"epsilon_warmup_steps": 0, "epsilon_delay_steps": 0},
        "default": default_growth("MMC", 360),
    }
    for name, growth in growths.items():
        attack = make("pgd", epsilon=0.3, step_size=0.15, num_steps=5, iterate="last")
        loop = toy_loop(
            recipe=FixedEpsilonTraining(attack, num_classes=10, **growth),
            train=digits(train_size=1200).train,
            epochs=15,
            batch_size=50,
        )
        row = loop.run()
        accuracy[name] = row["monitored_accuracy"]
        assert (abs(row["loss"] - 100) < 2) == (name == "bare")
    assert accuracy["bare"] < 0.2
    assert accuracy["default"] > 0.6, accuracy
