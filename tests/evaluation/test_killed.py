"""An evaluation that is killed by SIGKILL, at moments nobody chose, ends with the same figures."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from mmc_tf.files import read_record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

KILLS = 5


def start(root, folder, *more):
    command = [sys.executable, str(root / "eval_attacks.py"), *more]
    command += ["--num_steps=40", "--batch_size=10", "--noreport", f"--output_dir={folder}"]
    environment = os.environ | {"PYTHONPATH": str(root), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        command, cwd=folder.parent, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def finish(process):
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()


def batches_on_disk(folder):
    """Every batch's file with the time it was written, and the indices it holds."""
    stages = sorted((folder / "progress").glob("attack-*"))
    files = [path for stage in stages for path in sorted(stage.glob("[0-9]*.npz"))]
    return {
        path.relative_to(folder): (path.stat().st_mtime_ns, np.load(path)["indices"].tolist())
        for path in files
    }


@pytest.mark.parametrize(
    ("asked", "kills"),
    [
        (("--attack=pgd,mim", "--epsilon=0.05,0.1", "--targeted"), KILLS),
        (("--attack=worst,pgd,mim", "--epsilon=0.03,0.05"), KILLS),  # stages on survivors
        (("--attack=pgd,mim", "--epsilon=0.05,0.1", "--num_shards=2", "--shard_index=1"), 1),
    ],
    ids=["attacks", "ensembles", "shard"],
)
def test_killed_and_resumed_equals_uninterrupted(tmp_path, linear, request, asked, kills):
    root = request.config.rootpath
    run = tmp_path / "runs" / "linear"
    run.mkdir(parents=True)
    linear.save(run / "final.keras")
    flags = {"dataset": "digits", "loss": "SCE", "test_size": 200}
    (run / "config.json").write_text(json.dumps({"flags": flags, "finished": True}))
    finish(start(root, tmp_path / "whole", *asked))

    chance, folder, known = random.Random(), tmp_path / "killed", {}
    for number in range(kills):
        process = start(root, folder, *asked, *(["--resume"] if number else []))
        wanted = len(known) + chance.randint(0 if number else 1, 8)
        while process.poll() is None and len(list(folder.glob("progress/attack-*/[0-9]*.npz"))) < wanted:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (folder / "results.json").exists(), "the run was over before it was killed"
        found = batches_on_disk(folder)
        assert known.items() <= found.items()  # what was done is left as it is
        known = found
        for stage in {path.parent for path in found}:
            attacked = [
                index for path, (_, indices) in found.items() if path.parent == stage for index in indices
            ]
            assert len(attacked) == len(set(attacked))  # and nobody is attacked twice
    finish(start(root, folder, *asked, "--resume"))

    expected, resumed = (read_record(tmp_path / name / "results.json") for name in ("whole", "killed"))
    for results in (expected, resumed):
        for key in ("created", "command", "seconds"):
            del results[key]
        for record in results["attacks"]:
            for timed in (record, *record.get("waterfall", ())):
                del timed["seconds"]
    assert resumed == expected
    with np.load(tmp_path / "whole" / "examples.npz") as whole, np.load(folder / "examples.npz") as killed:
        assert whole.files == killed.files
        for name in whole.files:
            np.testing.assert_array_equal(whole[name], killed[name], err_msg=name)
