"""One device, two logical devices and two processes take the same steps."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest
from toy import losses_of, toy_loop

from mmc_tf.checks import UserError
from mmc_tf.training.cluster import num_workers
from mmc_tf.training.distribution import check_batch_size, make_strategy

HERE = pathlib.Path(__file__).parent
NUM_STEPS = 20


@pytest.fixture(scope="module")
def one_device():
    return losses_of(toy_loop(max_steps=NUM_STEPS, epochs=2))


def test_two_logical_devices_take_the_steps_of_one(one_device, mirrored):
    assert len(one_device) == NUM_STEPS
    np.testing.assert_allclose(
        losses_of(toy_loop(strategy=mirrored, max_steps=NUM_STEPS)), one_device, rtol=1e-5
    )


def test_clipping_sees_the_gradient_of_the_global_batch(mirrored):
    alone = losses_of(toy_loop(max_steps=8, clip_norm=0.5))
    together = losses_of(toy_loop(strategy=mirrored, max_steps=8, clip_norm=0.5))
    unclipped = losses_of(toy_loop(max_steps=8, clip_norm=0.0))
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    assert abs(unclipped[-1] - alone[-1]) > 1e-3 * alone[-1]


def test_evaluation_counts_every_example_once_on_two_devices(mirrored):
    alone, together = toy_loop(max_steps=1), toy_loop(strategy=mirrored, max_steps=1)
    split = alone.monitored.part(0, 97)
    assert together.evaluate(split) == pytest.approx(alone.evaluate(split), rel=1e-5)


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(one_device):
    ports = []
    for _ in range(2):
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            ports.append(server.getsockname()[1])
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    root = str(HERE.parents[1])
    workers = [
        subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), str(NUM_STEPS)],
            env={
                **os.environ,
                "PYTHONPATH": root,
                "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    for worker in workers:
        out, err = worker.communicate(timeout=240)
        assert worker.returncode == 0, err[-2000:]
        losses = json.loads(next(line for line in out.splitlines() if line.startswith("losses "))[7:])
        np.testing.assert_allclose(losses, one_device, rtol=1e-5)


def test_batch_must_divide_among_replicas(mirrored):
    with pytest.raises(UserError, match=r"a multiple of the 2 replicas\. Received: batch_size=5"):
        check_batch_size(mirrored, 5)


def test_multi_worker_needs_a_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UserError, match="TF_CONFIG"):
        make_strategy("multi_worker")


TWO = {"worker": ["a:1", "b:2"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expected JSON such as"),
        ("[]", "Expected JSON such as"),
        ('{"cluster": 3}', "Expected JSON such as"),
        ('{"cluster": {"worker": 3}}', "Expected JSON such as"),
        ('{"cluster": {"worker": "a:1"}}', "Expected JSON such as"),
        ('{"cluster": {"worker": ["a", "b"]}}', "Expected JSON such as"),
        (json.dumps({"cluster": TWO}), "Expected a task with the type and the index"),
        (json.dumps({"cluster": TWO, "task": 1}), "Expected a task with the type"),
        (json.dumps({"cluster": TWO, "task": {"type": "ps", "index": 0}}), "Expected a task with the type"),
        (
            json.dumps({"cluster": TWO, "task": {"type": "worker", "index": "0"}}),
            "Expected a task with the type",
        ),
        (
            json.dumps({"cluster": TWO, "task": {"type": "worker", "index": 2}}),
            "Expected a task with an index >= 0 and < 2, the number of workers",
        ),
    ],
)
def test_a_bad_cluster_is_one_line(text, said, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    for name in ("auto", "multi_worker"):
        with pytest.raises(UserError, match=rf"`TF_CONFIG`\. {said}.* Received: TF_CONFIG=") as caught:
            make_strategy(name)
        assert "\n" not in str(caught.value)


def test_a_cluster_is_counted(monkeypatch):
    task = {"type": "worker", "index": 1}
    for cluster, count in (({}, 0), (TWO, 2), (TWO | {"chief": ["c:1"], "evaluator": ["d:1"]}, 3)):
        monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
        assert num_workers() == count
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1"]}}))
    assert num_workers() == 1


def test_unknown_strategy_lists_the_choices():
    with pytest.raises(UserError, match="auto, mirrored, multi_worker, none"):
        make_strategy("tpu")
