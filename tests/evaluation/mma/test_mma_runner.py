"""The protocol on networks small enough to do it by brute force."""

import dataclasses

import numpy as np
import pytest

from mmc_tf.attacks import CW
from mmc_tf.checks import UserError
from mmc_tf.evaluation.mma import runner
from mmc_tf.evaluation.mma.figures import surviving
from mmc_tf.evaluation.mma.runs import craft, seed_of, within
from mmc_tf.evaluation.mma.settings import Margins
from mmc_tf.evaluation.progress import NoProgress
from mmc_tf.files import read_record

SIZE, BATCH = 40, 20  # of one shape wherever it can be, so that graphs are made once


@pytest.fixture(scope="module")
def split(digits):
    return digits.test.part(0, SIZE)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, subjects, split, protocol):
    folder = tmp_path_factory.mktemp("mma") / "results"
    results = runner.run(subjects, split, protocol, output_dir=folder, batch_size=BATCH)
    return folder, results


def verdicts(folder):
    with np.load(folder / "examples.npz") as file:
        return {name: file[name] for name in file.files}


def predicted(model, images):
    return np.argmax(np.asarray(model(images)), axis=1)


def test_figures_are_those_of_every_image_on_every_network(subjects, split, protocol, finished):
    """Every image crafted on every network, judged by fresh predictions, nothing skipped."""
    images, labels = split.as_float(), split.labels
    networks = runner.prepare(subjects, images[0], protocol)
    copies = [network.crafted_on for network in networks]
    broken = np.zeros((2, 4, 4, SIZE), bool)
    for number, epsilon in enumerate(protocol.epsilons):
        for source, network in enumerate(networks):
            for order, each in enumerate(network.runs):
                run = within(each, protocol, epsilon)
                for rows in np.arange(SIZE).reshape(-1, BATCH):
                    how = {"indices": rows, "seed": seed_of(0, order), "active": np.ones(BATCH, bool)}
                    crafted = craft(run, copies[source], images[rows], labels[rows], **how)
                    for target, other in enumerate(networks):
                        broken[number, source, target, rows] |= (
                            predicted(other.model, crafted) != labels[rows]
                        )
    wrong = np.stack([predicted(network.model, images) != labels for network in networks])
    white_box, combined = surviving(wrong, broken)
    found = verdicts(finished[0])
    np.testing.assert_array_equal(found["clean_wrong"], wrong)
    np.testing.assert_array_equal(found["white_box_robust"], white_box)
    np.testing.assert_array_equal(found["combined_robust"], combined)
    # The one with the misleading gradients looks robust until the others' images are tried.
    assert white_box[1, 2].mean() > 0.8
    assert combined[1, 2].mean() < 0.7
    for number, model in enumerate(finished[1]["models"]):
        assert model["white_box"]["robust_accuracy"] == pytest.approx(white_box[:, number].mean(axis=1))
        assert model["combined"]["robust_accuracy"] == pytest.approx(combined[:, number].mean(axis=1))


def test_results_say_what_was_run(finished, protocol):
    results = finished[1]
    assert results == read_record(finished[0] / "results.json")
    assert results["protocol"] == protocol.as_dict()
    assert results["attacks_per_model"] == 2 + 2 + 2 + 6
    assert results["examples"] == SIZE
    assert [model["name"] for model in results["models"]] == ["a", "b", "masked", "vote"]
    assert results["models"][3]["members"] == ["a", "b"]
    assert results["models"][0]["runs"] == ["ce", "cw"]
    assert results["step_sizes"] == pytest.approx([0.5 * 0.03, 0.5 * 0.08])
    assert 0 < results["images_crafted"] < SIZE * 2 * 12
    # 40 images are few, and the masked network's own gradients lead nowhere.
    assert [warning["code"] for warning in results["warnings"]][-2:] == ["FEW_EXAMPLES", "PGD_ONLY"]
    misled = [warning for warning in results["warnings"] if warning["code"] == "TRANSFER_STRONGER"]
    assert ["masked"] in [warning["attacks"] for warning in misled]
    assert not (finished[0] / "progress").exists()


def test_batches_change_nothing(tmp_path, subjects, split, protocol):
    for size in (BATCH, 7):
        runner.run(subjects[1:3], split, protocol, output_dir=tmp_path / str(size), batch_size=size)
    found, expected = verdicts(tmp_path / "7"), verdicts(tmp_path / str(BATCH))
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


class KilledError(Exception):
    pass


class Killer(NoProgress):
    """Stops after so many batches, when their verdicts are on disk."""

    def __init__(self, batches):
        self.left = batches

    def advance(self, count):
        self.left -= 1
        if not self.left:
            raise KilledError


def test_resumed_equals_uninterrupted_and_nothing_is_done_twice(
    tmp_path, subjects, split, protocol, finished
):
    folder, resume, kept = tmp_path / "killed", False, {}
    settings = {"output_dir": folder, "batch_size": BATCH}
    for batches in (4, 6, 3):
        with pytest.raises(KilledError):
            runner.run(subjects, split, protocol, **settings, resume=resume, progress=Killer(batches))
        files = {path: path.stat().st_mtime_ns for path in folder.rglob("radius-*/*.npz")}
        assert kept.items() < files.items()
        resume, kept = True, files
        for stage in {path.parent for path in files}:
            positions = np.concatenate([np.load(path)["positions"] for path in stage.glob("*.npz")])
            assert len(positions) == len(np.unique(positions))
    results = runner.run(subjects, split, protocol, **settings, resume=True)
    found, expected = verdicts(folder), verdicts(finished[0])
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    timeless = {"created", "seconds", "batch_size"}
    assert {key: value for key, value in results.items() if key not in timeless} == {
        key: value for key, value in finished[1].items() if key not in timeless
    }
    # A finished protocol is read, not run.
    again = runner.run(subjects, split, protocol, **settings, resume=True, progress=Killer(1))
    assert again == results


def test_survivors_alone_give_the_same_white_box_and_less_transfer(
    tmp_path, subjects, split, protocol, finished
):
    fewer = dataclasses.replace(protocol, only_survivors=True)
    results = runner.run(subjects, split, fewer, output_dir=tmp_path / "fewer", batch_size=BATCH)
    found, expected = verdicts(tmp_path / "fewer"), verdicts(finished[0])
    np.testing.assert_array_equal(found["white_box_robust"], expected["white_box_robust"])
    assert not (expected["combined_robust"] & ~found["combined_robust"]).any()
    assert results["images_crafted"] < finished[1]["images_crafted"]


def test_crafting_in_bfloat16_moves_few_verdicts(tmp_path, subjects, split, protocol, finished):
    rounded = dataclasses.replace(protocol, attack_precision="bfloat16")
    networks = runner.prepare(subjects, split.as_float()[0], rounded)
    assert {network.crafted_on.precision for network in networks} == {"bfloat16"}
    runner.run(subjects, split, rounded, output_dir=tmp_path / "rounded", batch_size=BATCH)
    found, expected = verdicts(tmp_path / "rounded"), verdicts(finished[0])
    np.testing.assert_array_equal(found["clean_wrong"], expected["clean_wrong"])
    assert (found["combined_robust"] != expected["combined_robust"]).mean() < 0.05


def test_least_distances(tmp_path, subjects, split, protocol):
    small = dataclasses.replace(protocol, epsilons=(0.03,), runs_per_model=1, num_steps=1)
    margins = Margins(examples=BATCH, num_steps=60)
    folder = tmp_path / "cw"
    results = runner.run(subjects[1:], split, small, output_dir=folder, margins=margins, batch_size=BATCH)
    assert results["models"][2]["cw"] is None
    spread, model = results["models"][0]["cw"], subjects[1].model
    images, labels = split.as_float()[:BATCH], split.labels[:BATCH]
    result = CW(num_steps=60)(model, images, labels)
    correct = result.clean_prediction == labels
    distances = np.where(correct, result.distance, 0)[result.found]
    assert 0 < (~correct).sum() < BATCH
    assert spread["clean_accuracy"] == correct.mean()
    assert spread["mean"] == pytest.approx(distances.mean(), rel=1e-4)
    assert spread["median"] == pytest.approx(np.median(distances), rel=1e-4)
    assert spread["not_found"] == (~result.found).sum()
    # No image is nearer than the nearest plane, where there is no box.
    kernel, logits = model.get_weights()[0].astype(np.float64), np.asarray(model(images), np.float64)
    planes = np.linalg.norm(kernel[:, labels].T[:, :, None] - kernel, axis=1)
    gaps = logits[np.arange(BATCH), labels][:, None] - logits
    nearest = np.where(planes > 0, gaps / np.maximum(planes, 1e-9), np.inf).min(axis=1)
    assert (result.distance >= nearest - 1e-4)[result.found].all()


@pytest.mark.parametrize("change", [{"runs_per_model": 3}, {"epsilons": (0.03,)}, {"adaptive": False}])
def test_another_protocol_is_not_gone_on_with(subjects, split, protocol, finished, change):
    other = dataclasses.replace(protocol, **change)
    with pytest.raises(UserError, match=r"`resume`. Expected the evaluation that"):
        runner.run(subjects, split, other, output_dir=finished[0], resume=True)
    with pytest.raises(UserError, match=r"`output_dir`. Expected a new or empty folder, or --resume"):
        runner.run(subjects, split, protocol, output_dir=finished[0])
