"""What every promised command line means."""

import shlex

import pytest
from command_lines import EVALUATION, TRAINING

from flags.cli import parse
from flags.resolve import resolve_training
from flags.resolve_evaluation import resolve_evaluation
from flags.scripts import SCRIPTS

BY_NAME = {script.name: script for script in SCRIPTS}


@pytest.mark.parametrize(("line", "expected"), TRAINING, ids=[line for line, _ in TRAINING])
def test_training_line_means(line, expected):
    words = shlex.split(line)
    script = BY_NAME[words[0]]
    flags = resolve_training(parse(words, script.definitions, positionals=script.positionals))
    assert {name: getattr(flags, name) for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(("line", "expected"), EVALUATION, ids=[line for line, _ in EVALUATION])
def test_evaluation_line_means(line, expected):
    words = shlex.split(line)
    flags = resolve_evaluation(parse(words, BY_NAME[words[0]].definitions))
    assert {name: getattr(flags, name) for name in expected} == expected
