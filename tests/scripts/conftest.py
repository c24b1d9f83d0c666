import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
# A mounted file system lives as long as the process that runs in its name space.
MOUNT = ["unshare", "--map-root-user", "--mount", "sh", "-c"]


def environment(home):
    """No real images, no cache and no network, whatever the machine has."""
    env = {name: value for name, value in os.environ.items() if name not in ("MMC_DATA_DIR", "TF_CONFIG")}
    closed = "http://127.0.0.1:9"
    return env | {
        "PYTHONPATH": str(REPOSITORY),
        "KERAS_HOME": str(home / "keras"),
        "http_proxy": closed,
        "https_proxy": closed,
        "no_proxy": "",
    }


@pytest.fixture(scope="session")
def run_lines():
    """A function that runs command lines in one fresh process in `folder` and gives what came of each.

    With `full`, the name of a folder, the process sees there a file system of so many bytes.
    """

    def run(lines, *, folder, full=None, timeout=300):
        words, outcomes = folder.parent / "lines.json", folder.parent / "outcomes.json"
        words.write_text(json.dumps([shlex.split(line) for line in lines]))
        outcomes.unlink(missing_ok=True)
        command = [sys.executable, str(Path(__file__).with_name("script_driver.py")), words, outcomes]
        if full is not None:
            name, size = full
            mount = f"mount -t tmpfs -o size={size} tmpfs {shlex.quote(name)} && exec "
            command = [*MOUNT, mount + shlex.join(map(str, command))]
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment(folder.parent),
            timeout=timeout,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return [SimpleNamespace(**outcome) for outcome in json.loads(outcomes.read_text())]

    return run


@pytest.fixture(scope="session")
def run_alone():
    """A function that runs one command line as a user does: a process of its own."""

    def run(line, *, folder, timeout=120):
        script, *words = shlex.split(line)
        return subprocess.run(
            [sys.executable, str(REPOSITORY / script), *words],
            cwd=folder,
            env=environment(folder),
            timeout=timeout,
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture(scope="session")
def can_mount():
    """Whether a process of ours may mount a small file system for itself."""
    if shutil.which("unshare") is None:
        return False
    return (
        subprocess.run([*MOUNT, "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False).returncode
        == 0
    )
