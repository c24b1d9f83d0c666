"""Every experiment runs from its first training to its last picture, on tiny data: `make smoke`, part of CI."""

import json

import pytest

from mmc_tf.experiments.experiment import load_all
from mmc_tf.experiments.runner import run_experiments

# Three minutes together: too much for `make test`.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def lab_dir(tmp_path_factory):
    """One lab for all tests, also those of other processes: experiments share their networks."""
    return tmp_path_factory.getbasetemp().parent / "lab"


@pytest.mark.parametrize("name", load_all().names())
def test_an_experiment_runs_on_the_smoke_budget(lab_dir, name):
    page = run_experiments([name], budget="smoke", work_dir=lab_dir)
    folder = lab_dir / "smoke" / "results" / name
    results = json.loads((folder / "results.json").read_text())
    assert results["tables"] or results["pictures"]
    assert all((folder / picture["file"]).stat().st_size > 0 for picture in results["pictures"])
    assert page.startswith(f"# {results['title']}")
    # What was measured on tiny data means nothing, but it was measured: no table without a number.
    for table in results["tables"]:
        cells = [cell for _, row in table["rows"] for cell in row]
        assert any(isinstance(cell, str) or cell["measured"] is not None for cell in cells), table["name"]
