"""Arithmetic of the speed benchmark: contests on a stopped clock, hand-made images, and the plain networks."""

import json
from types import SimpleNamespace

import attacks
import keras
import numpy as np
import pytest
from speed import contest, tensorflow_peers
from speed.contest import Contender, Store, Task, hold, key_of
from speed.network import Subject, export
from speed.peers import check_peers

from mmc_tf.checks import UserError
from mmc_tf.models import build_classifier

IMAGES = np.full((4, 1, 2, 1), 0.5, np.float32)
LABELS = np.zeros(4, np.int32)


def logits_of(images):
    """Wrong where the first pixel is above 0.55."""
    return np.stack([np.full(len(images), 0.55), images[:, 0, 0, 0]], axis=1)


def moved(*shifts):
    return IMAGES + np.reshape(np.float32(shifts), [-1, 1, 1, 1])


def test_the_judge_counts_what_is_wrong_within_the_radius():
    images = IMAGES.copy()
    images[3] = 0.9  # wrong from the start
    task = Task(images, LABELS, logits_of, epsilon=0.1)
    adversarial = moved(0.1, 0.2, 0.02, 0.4)
    assert task.judge(adversarial) == {"robust": 0.5, "distance": pytest.approx(0.1)}
    anywhere = Task(images, LABELS, logits_of, epsilon=None, norm="l2")
    found = anywhere.judge(adversarial)
    assert found["robust"] == 0.25
    assert found["distance"] == pytest.approx(np.sqrt(2) * 0.15, rel=1e-5)
    assert task.judge(images)["distance"] is None


def contestant(name, seconds, log, ours=False):
    times = iter(seconds)

    def run():
        log.append(name)
        return moved(0, 0, 0.09, 0.09), next(times)

    return Contender(name, run, lambda: log.append(f"prepare {name}"), ours=ours)


def test_rounds_are_interleaved_and_a_killed_contest_goes_on(tmp_path):
    task, log = Task(IMAGES, LABELS, logits_of, epsilon=0.1), []
    store = Store(tmp_path / "deep" / "results.json")
    settings = {"rounds": 3, "store": store, "parameters": {"epsilon": 0.1}, "say": lambda text: None}
    broken = [contestant("a", [4.0, 1.0], log), contestant("b", [3.0, 9.0, 6.0], log)]
    with pytest.raises(StopIteration):
        hold("row", broken, task, **settings)
    assert log == ["prepare a", "a", "prepare b", "b", "a", "b", "a"]
    log.clear()
    store = Store(tmp_path / "deep" / "results.json")
    again = [contestant("a", [2.0], log), contestant("b", [6.0], log)]
    results = hold("row", again, task, **(settings | {"store": store}))
    assert log == ["prepare a", "a", "prepare b", "b"]
    assert results["a"]["all_seconds"] == [4.0, 1.0, 2.0]
    assert (results["a"]["seconds"], results["b"]["seconds"]) == (2.0, 6.0)
    assert results["a"]["robust"] == 0.5
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["results.json"]
    # Other parameters are another contest.
    assert key_of("row", "a", {"epsilon": 0.1}) != key_of("row", "a", {"epsilon": 0.2})


def outcome_of(**seconds):
    from speed.rows import Outcome, Target

    results = {
        name: {"seconds": value, "all_seconds": [value], "robust": 0.2, "distance": None}
        for name, value in seconds.items()
    }
    return Outcome("PGD-10", results, (Target("folded", 1.3),), ("slow", "slower"))


def test_ratios_are_to_the_fastest_peer():
    from speed.tables import format_row, missed, ratio_to_peers

    outcome = outcome_of(folded=2.0, slow=3.0, slower=8.0)
    assert ratio_to_peers(outcome, "folded") == 1.5
    assert missed(outcome) == []
    text = format_row(outcome)
    assert "| folded | 2.0 | 2.0 | 20.0% |  | 1.50 | >= 1.30 |" in text
    assert text.index("folded") < text.index("slow (peer)") < text.index("slower (peer)")
    assert missed(outcome_of(folded=2.4, slow=3.0, slower=8.0)) == ["PGD-10 folded 1.25 < 1.30"]


def test_speed_bought_with_robust_accuracy_is_no_speed():
    from speed.tables import missed

    outcome = outcome_of(folded=1.0, slow=3.0, slower=8.0)
    outcome.results["folded"]["robust"] = 0.203
    assert missed(outcome) == []
    outcome.results["folded"]["robust"] = 0.21
    assert missed(outcome) == ["PGD-10 folded leaves 21.0%, a peer 20.0%"]


def test_spsa_of_the_loop_climbs_a_linear_function():
    weights = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)

    def logits(images):
        return np.asarray(images).reshape(-1, 12) @ weights

    class Values:
        def __init__(self, values):
            self.values = values

        def numpy(self):
            return self.values

    images, labels = np.full((2, 2, 2, 3), 0.5, np.float32), np.array([0, 2])
    numbers = {"epsilon": 0.1, "samples": 64, "num_steps": 20, "delta": 0.01, "learning_rate": 0.02}
    found = tensorflow_peers.spsa_one_by_one(lambda probes: Values(logits(probes)), images, labels, **numbers)
    assert np.abs(found - images).max() <= 0.1 + 1e-6

    def margins(values):
        own = values[np.arange(2), labels]
        return np.max(np.where(np.eye(3)[labels] == 1, -np.inf, values), axis=1) - own

    # At least one other class: the climb gains most of what the corner of the ball towards it offers.
    gained = margins(logits(found)) - margins(logits(images))
    best = [
        max(0.1 * np.abs(weights[:, j] - weights[:, y]).sum() for j in range(3) if j != y) for y in labels
    ]
    assert (gained > 0.3 * np.array(best)).all()


def network(**settings):
    model = build_classifier("resnet8", input_shape=(8, 8, 3), num_classes=4, **settings)
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.moving_mean.shape[0]
            layer.set_weights(
                [np.ones(size), *generator.normal(0, 0.3, (2, size)), generator.uniform(0.5, 2, size)]
            )
    model.get_layer("subtract_pixel_mean").set_mean(generator.random((8, 8, 3)))
    return model


@pytest.mark.parametrize("head", ["dense", "mmc"])
def test_the_torch_network_has_our_logits(head):
    torch = pytest.importorskip("torch", reason="needs the extra [bench]")
    from speed.torch_network import ResNet

    model = network(head=head)
    images = np.random.default_rng(1).random((5, 8, 8, 3)).astype(np.float32)
    expected = np.asarray(model(images, training=False))
    found = ResNet(export(model)).eval()(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
    gaps = [each - each.max(axis=1, keepdims=True) for each in (found.detach().numpy(), expected)]
    np.testing.assert_allclose(*gaps, rtol=1e-4, atol=1e-4 * np.ptp(expected))


def test_only_what_the_torch_network_can_be_is_exported():
    lenet = build_classifier("lenet5", input_shape=(8, 8, 3), num_classes=4)
    with pytest.raises(UserError, match="a ResNet v1 behind the pixel mean"):
        export(lenet)
    weights = export(network(head="mmc"))
    assert weights["centers"].shape == (4, 64)
    assert weights["mean"].shape == (8, 8, 3)


def test_a_part_of_a_subject_has_its_first_images():
    model = network()
    subject = Subject("run", model, np.zeros((3, 8, 8, 3), np.float32), np.arange(3), "digest")
    part = subject.part(2)
    assert (len(part.images), part.labels.tolist(), part.digest) == (2, [0, 1], "digest")


def test_an_interpreter_without_the_peers_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"`peer_python`. Expected an interpreter with torch"):
        check_peers(str(tmp_path / "python"))


def test_unknown_rows_list_the_choices():
    with pytest.raises(UserError, match=r"`rows`. Expected some of limit, pgd10, .* Received: rows=nonsense"):
        attacks.benchmark(SimpleNamespace(rows="pgd10,nonsense"))


def test_the_store_is_plain_json(tmp_path):
    store = contest.Store(tmp_path / "r.json")
    store.put("a", {"seconds": 1.5})
    assert json.loads((tmp_path / "r.json").read_text()) == {"a": {"seconds": 1.5}}
    assert contest.Store(tmp_path / "r.json").get("a") == {"seconds": 1.5}
    assert store.get("b") is None


def test_on_one_core_the_clock_is_the_processors(monkeypatch):
    from speed import clock

    times = {"process_time": 3.0, "perf_counter": 70.0}
    for name, value in times.items():
        monkeypatch.setattr(clock.time, name, lambda value=value: value)
    monkeypatch.setattr(clock.os, "sched_getaffinity", lambda process: {1})
    assert (clock.clock_name(), clock.now()) == ("processor", 3.0)
    monkeypatch.setattr(clock.os, "sched_getaffinity", lambda process: {0, 1})
    assert (clock.clock_name(), clock.now()) == ("wall", 70.0)
