"""The report of a real evaluation, and of folders that hold less."""

import json
import re
import shutil

import chromium
import numpy as np
import pytest
from html_reader import Reader, assert_self_contained

from mmc_tf.attacks import DDN, PGD
from mmc_tf.checks import UserError
from mmc_tf.evaluation import __main__ as dispatcher
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.report import build
from mmc_tf.evaluation.report.build import try_report, write_report
from mmc_tf.files import read_record, write_json

NAME = "<script>alert(1)</script>"
ATTACKS = [
    *(
        (f"pgd-{steps} linf {epsilon}", PGD(epsilon=epsilon, num_steps=steps))
        for epsilon in (0.05, 0.1)
        for steps in (2, 5)
    ),
    ("ddn l2", DDN(epsilon=None, num_steps=20)),
]
SECTIONS = ["Warnings", "Attacks", "Robust accuracy", "Images", "Classes and features", "What was run"]
FIGURES = [
    "accuracy-epsilon-linf.png",
    "accuracy-steps-linf.png",
    "confusion.png",
    "distance-l2.png",
    "features.png",
    "images-4-ddn-l2.png",
]


# A recorded accuracy that is not this one is warned of before the attacks begin, too.
pytestmark = pytest.mark.filterwarnings("ignore:warning CLEAN_ACCURACY_DIFFERS:UserWarning")


@pytest.fixture(scope="module")
def evaluated(linear, digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated") / "out"
    evaluate(
        linear,
        digits.test,
        ATTACKS,
        output_dir=folder,
        model_info={
            "name": NAME,
            "model": "linear",
            "loss": "SCE",
            "path": "runs/a & b",
            "clean_accuracy": 0.5,
        },
        dataset_info={"name": "digits", "class_names": ["<0>", *"123456789"]},
        command=f"eval_attacks.py --checkpoint='{NAME}'",
    )
    with np.load(folder / "features.npz") as file:  # as a head with centers has them
        arrays = dict(file)
    centers = [arrays["features"][arrays["labels"] == number].mean(axis=0) for number in range(10)]
    np.savez_compressed(folder / "features.npz", **arrays, centers=np.array(centers))
    return folder


@pytest.fixture(scope="module")
def report(evaluated):
    return write_report(evaluated)


def named_in_verdict(folder):
    """Number and label of the attack that the verdict calls the strongest."""
    label = json.loads((folder / "results.json").read_text())["verdict"]["strongest"]
    return [name for name, _ in ATTACKS].index(label), label


@pytest.fixture
def copy(evaluated, tmp_path):
    return shutil.copytree(
        evaluated, tmp_path / "copy", ignore=shutil.ignore_patterns("figures", "report.html")
    )


def test_the_page_has_every_part_and_needs_nothing_else(report):
    page = Reader(report.read_text())
    assert_self_contained(page)
    assert page.headings() == SECTIONS
    assert page.texts["title"] == [f"{NAME} under attack"]
    results = json.loads((report.parent / "results.json").read_text())
    assert any(results["verdict"]["text"].removeprefix("verdict: ") in text for text in page.texts["p"])
    for warning in results["warnings"]:
        assert warning["code"] in page.texts["span"]
        assert warning["message"] in page.texts["li"]
    for record in results["attacks"][:4]:
        assert f"{100 * record['robust_accuracy']:.1f}" in page.texts["td"]
    pictures = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(pictures) == 3 + 2 * 2 + 2  # lines, two halves of two attacks' images, confusion and features
    assert all(attributes["aria-label"] for attributes in pictures)
    assert "→ " in "".join(page.texts["text"])


@pytest.mark.skipif(chromium.find() is None, reason="needs Chromium (apt-get install chromium)")
@pytest.mark.parametrize(("width", "scheme"), [(375, chromium.DARK), (1280, chromium.LIGHT)])
def test_a_browser_shows_it_without_overflow_and_fetches_nothing(report, tmp_path, width, scheme):
    measured, requested = chromium.measure(report, tmp_path, width=width, scheme=scheme)
    assert requested == []
    assert (measured["innerWidth"], measured["wide"]) == (width, [])
    assert measured["scrollWidth"] <= width
    assert measured["dark"] == (scheme == chromium.DARK)
    assert len(measured["svg"]) == 9
    assert min(measured["svg"]) > 280  # also of the images that were folded away


def test_the_figures_and_tables_lie_beside_it(report):
    folder = report.parent
    number, label = named_in_verdict(folder)
    expected = [*FIGURES, f"images-{number}-{label.replace(' ', '-')}.png"]
    assert sorted(path.name for path in (folder / "figures").iterdir()) == sorted(expected)
    for path in (folder / "figures").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
    assert "| attack | objective |" in (folder / "table.md").read_text()
    assert r"\toprule" in (folder / "table.tex").read_text()
    assert [path.name for path in folder.rglob(".*")] == []  # no temporary file is left


def test_images_are_those_of_the_evaluation(report):
    page = Reader(report.read_text())
    with (
        np.load(report.parent / "samples.npz") as samples,
        np.load(report.parent / "examples.npz") as examples,
    ):
        indices = samples["indices"]
        number, _ = named_in_verdict(report.parent)
        predicted, labels = examples["prediction"][number, indices], examples["label"][indices]
        fooled = examples["misclassified"][number, indices]
    names = ["<0>", *"123456789"]
    wanted = [f"→ {names[p]}" if f else names[p] for p, f in zip(predicted, fooled, strict=True)]
    shown = "|".join(page.texts["text"])
    titles = [names[label] for label in labels]
    for part in (slice(0, 4), slice(4, 8)):
        pairs = [word for pair in zip(titles[part], wanted[part], strict=True) for word in pair]
        texts = iter(page.texts["text"])
        assert all(word in texts for word in pairs), (pairs, shown)  # in this order


@pytest.mark.parametrize(
    ("missing", "sections", "figures"),
    [
        (
            ["samples.npz", "features.npz"],
            [name for name in SECTIONS if name != "Images"],
            {"confusion.png"},
        ),
        (
            ["samples.npz", "features.npz", "examples.npz"],
            [name for name in SECTIONS if name not in ("Images", "Classes and features")],
            set(),
        ),
    ],
)
def test_what_has_no_data_is_left_out(copy, missing, sections, figures):
    for name in missing:
        (copy / name).unlink()
    page = Reader(write_report(copy).read_text())
    assert page.headings() == sections
    found = {path.name for path in (copy / "figures").glob("*.png")}
    assert found & {"features.png", "confusion.png"} == figures
    assert ("images-4-ddn-l2.png" in found) == ("samples.npz" not in missing)


def test_a_folder_of_an_older_version(copy):
    """Without verdict, class names and predictions."""
    results = read_record(copy / "results.json")
    del results["verdict"], results["diagnosis"], results["dataset"]["class_names"]
    results["warnings"] = []
    write_json(copy / "results.json", results)
    with np.load(copy / "examples.npz") as file:
        arrays = {name: file[name] for name in file.files if name != "prediction"}
    np.savez(copy / "examples.npz", **arrays)
    page = Reader(write_report(copy).read_text())
    assert page.headings() == [name for name in SECTIONS if name != "Warnings"]
    worst = results["worst_case"]["overall"]
    assert any(
        f"{100 * worst['robust_accuracy']:.1f} %" in text and "survive" in text for text in page.texts["p"]
    )
    assert "→ another" in page.texts["text"]
    assert not (copy / "figures" / "confusion.png").exists()


def test_one_attack_without_a_radius_has_a_report(copy):
    results = read_record(copy / "results.json")
    results["attacks"] = results["attacks"][4:]
    results["worst_case"] = {"overall": None, "by_epsilon": []}
    results["verdict"] |= dict.fromkeys(("robust_accuracy", "interval", "strongest", "artefact", "headline"))
    write_json(copy / "results.json", results)
    page = Reader(write_report(copy).read_text())
    assert page.headings() == SECTIONS
    assert "Worst-case accuracy" not in page.texts["div"]


def test_the_command_draws_the_report_and_probes_are_shown(copy, capsys):
    results = read_record(copy / "results.json")
    results["diagnosis"] = {
        "examples": 50,
        "headline": {"label": "pgd", "left": 40},
        "probes": [{"name": "margin", "words": "PGD on the margin", "asked": 50, "broken": 31}],
        "curve": {
            "words": "PGD-20",
            "norm": "linf",
            "points": [{"epsilon": 0.5, "left": 7}, {"epsilon": 1.0, "left": 0}],
        },
        "gradients": [{"objective": "ce", "examples": 50, "zero_rate": 0.25, "nonfinite_rate": 0.0}],
    }
    write_json(copy / "results.json", results)
    assert dispatcher.main(["report", str(copy)]) == 0
    assert capsys.readouterr().out == f"report in {copy / 'report.html'}\n"
    page = Reader((copy / "report.html").read_text())
    assert page.headings() == [*SECTIONS[:2], "Probes", *SECTIONS[2:]]
    assert {"PGD on the margin", "31", "7", "25.0 %"} <= set(page.texts["td"])
    assert "0.5" in page.texts["th"]


@pytest.mark.parametrize("kind", ["nowhere", "empty", "no json", "no attacks", "no arrays"])
def test_what_is_no_evaluation_is_refused_in_one_line(copy, tmp_path, capsys, kind):
    folder = copy
    if kind in ("nowhere", "empty"):
        folder = tmp_path / kind
        folder.mkdir() if kind == "empty" else None
        said = "a folder with a finished evaluation"
    elif kind == "no json":
        (copy / "results.json").write_text("{")
        said = "Expected a readable JSON file"
    elif kind == "no attacks":
        (copy / "results.json").write_text("[]")
        said = "Expected the results of an evaluation"
    else:
        (copy / "examples.npz").write_bytes(b"PK\x03\x04 half a file")
        said = "Expected arrays as an evaluation writes them"
    assert dispatcher.main(["report", str(folder)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    "error", [UserError("cannot\nbe drawn"), ZeroDivisionError("cannot be drawn"), OSError()]
)
def test_a_failure_to_draw_costs_one_line(copy, monkeypatch, error):
    before = (copy / "results.json").read_bytes()

    def fail(content):
        raise error

    monkeypatch.setattr(build, "feature_picture", fail)
    said = try_report(copy)
    assert re.fullmatch("no report, it could not be drawn: (cannot be drawn|OSError)", said)
    assert (copy / "results.json").read_bytes() == before
    assert not (copy / "report.html").exists()


def test_a_released_network_stands_beside_the_paper_s_numbers(copy):
    results = read_record(copy / "results.json")
    names = dict.fromkeys(("model", "backbone"), "resnet110v1")
    results["model"] |= names | {"loss": "MMC", "training": "standard", "released": {"depth": 110}}
    results["dataset"]["name"] = "cifar10"
    results |= {"clean_accuracy": 0.5, "clean_interval": [0.4, 0.6]}
    write_json(copy / "results.json", results)
    reader = Reader(write_report(copy).read_text())
    assert "Comparison with released checkpoints" in reader.texts["h2"]
    cells = reader.texts["td"]
    place = cells.index("clean")
    assert cells[place + 1 : place + 3] == ["93.6", "50.0"]
    assert cells.count("not run") == 8
    assert any(text.startswith("The clean accuracy is 43.6 points below") for text in reader.texts["p"])
