"""What the documentation shows is true: docstrings' examples, programs in pages, links and paths."""

import doctest
import importlib
import os
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmc_tf.data import Split
from mmc_tf.models.backbones import backbones

REPOSITORY = Path(__file__).resolve().parents[1]
MODULES = sorted(
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
    for room in ("mmc_tf", "flags")
    for path in (REPOSITORY / room).rglob("*.py")
    if path.name != "__main__.py" and ">>>" in path.read_text(encoding="utf-8")
)
PAGES = sorted([REPOSITORY / "README.md", REPOSITORY / "SECURITY.md", *(REPOSITORY / "docs").glob("*.md")])
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)

# Keras' own conversion of variables.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True)
def _leaves_no_trace(tmp_path, monkeypatch):
    """Examples write to `runs` and `results` of the current folder, and register a network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backbones, "_items", dict(backbones._items))


def brightness_classifier(shape):
    """Tells bright images from dark ones; the threshold is 1/2."""
    images = keras.Input(shape)
    contrast = keras.layers.Dense(2, kernel_initializer="zeros")
    logits = contrast(keras.layers.GlobalAveragePooling2D()(images))
    contrast.set_weights([np.float32([[-9, 9]]), np.float32([4.5, -4.5])])
    return keras.Model(images, logits)


def what_examples_take_for_granted():
    """A model that withstands 8/255 on 3 of 25 images: robust accuracy 0.12."""
    grey = np.full((25, 1, 1, 1), 0.51, np.float32)
    grey[:3] = 0.9
    return {
        "np": np,
        "tf": tf,
        "inputs": keras.Input((8, 8, 3)),
        "model": brightness_classifier((1, 1, 1)),
        "split": Split(grey, np.ones(25, np.int32)),
    }


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_true(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, extraglobs=what_examples_take_for_granted())
    assert result.failed == 0
    assert result.attempted > 0


def test_every_part_of_the_library_has_examples():
    rooms = {name.split(".")[1] for name in MODULES if name.startswith("mmc_tf.")}
    assert rooms >= {
        "attacks",
        "centers",
        "data",
        "evaluation",
        "files",
        "layers",
        "losses",
        "models",
        "registry",
    }


def python_blocks(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", [page for page in PAGES if python_blocks(page)], ids=lambda page: page.name)
def test_programs_in_pages_run(page, capsys):
    """One after the other, as a reader would paste them; x_test and model are the reader's own."""
    images = np.random.default_rng(0).random((200, 28, 28, 1), dtype=np.float32)
    labels = np.int32(images.mean(axis=(1, 2, 3)) > 0.5)
    namespace = {
        **{"model": brightness_classifier((28, 28, 1)), "images": images[:100], "labels": labels[:100]},
        **{"x_test": images, "y_test": labels},
    }
    for block in python_blocks(page):
        exec(compile(block, page.name, "exec"), namespace)
    # The mean of 784 random pixels is within 8/255 of 1/2; an untrained network is wrong on most, too.
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(float(line.removeprefix("robust accuracy ")) < 0.5 for line in lines)


def anchors(page):
    """The anchors that GitHub gives a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@by_page
def test_relative_links_lead_somewhere(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


@by_page
def test_files_that_a_page_names_are_there(page):
    named = set(
        re.findall(r"`((?:mmc_tf|flags|tests|benchmarks|docs)/[\w/.-]+)`", page.read_text(encoding="utf-8"))
    )
    assert [path for path in sorted(named) if not os.path.exists(REPOSITORY / path)] == []
