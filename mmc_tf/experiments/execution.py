"""Commands as a user would type them, run in a process of their own or in this one."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import pathlib
import runpy
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmc_tf.checks import UserError
from mmc_tf.program import INTERRUPTED, TERMINATED, TerminatedError

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRACE = 30  # seconds


def format_flags(flags: Mapping[str, Any]) -> list[str]:
    """Flags as one types them; None is left out.

    Example:
        >>> format_flags({"epochs": 3, "adaptive": False, "epsilon": (0.1, 0.2), "seed": None})
        ['--epochs=3', '--adaptive=false', '--epsilon=0.1,0.2']
    """
    return [f"--{name}={_shown(value)}" for name, value in flags.items() if value is not None]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def run_command(words: Sequence[str], log_file: pathlib.Path, *, in_process: bool) -> float:
    """Runs `python WORDS`, with what it prints in a file.

    Args:
        words: a script of the repository's root, or `-m` and a module, and its arguments.
        log_file: is replaced.
        in_process: within this process.

    Returns:
        Seconds that it took.

    Raises:
        UserError: if it fails, with its last line.
        KeyboardInterrupt: if it was interrupted.
        TerminatedError: if this process or the command was terminated; the command has ended.
    """
    print(f"$ python {shlex.join(words)}", flush=True)
    log_file.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    code = _run_here(words, log_file) if in_process else _run_apart(words, log_file)
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code in (TERMINATED, -signal.SIGTERM):
        raise TerminatedError(f"`python {shlex.join(words)}` was ended (what it printed is in {log_file})")
    if code:
        lines = log_file.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "no output")
        raise UserError(f"`python {shlex.join(words)}` failed: {last.strip()} (all of it in {log_file})")
    return time.perf_counter() - started


def _run_apart(words: Sequence[str], log_file: pathlib.Path) -> int:
    script, *arguments = words
    command = [sys.executable, *([script] if script == "-m" else [str(ROOT / script)]), *arguments]
    with log_file.open("w", encoding="utf-8") as log:
        return run_child(command, stdout=log, stderr=subprocess.STDOUT)


def run_child(command: Sequence[str], **streams: Any) -> int:
    """Runs a command in a process of its own, which ends with this one if that is interrupted or terminated.

    Args:
        command: the program and its arguments.
        streams: as `subprocess.Popen` has them.

    Returns:
        Its exit status.

    Raises:
        TerminatedError: if SIGTERM came.
    """
    with _raising_on_sigterm():
        child = subprocess.Popen(command, **streams)
        try:
            return child.wait()
        finally:
            _end(child)


@contextlib.contextmanager
def _raising_on_sigterm() -> Iterator[None]:
    """Turns SIGTERM into an exception; in the main thread alone, which Python gives the handlers."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        raise TerminatedError("what ran has ended, and the same command goes on with it")

    before = signal.getsignal(signal.SIGTERM) or signal.SIG_DFL
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(child: subprocess.Popen) -> None:
    """Ends a child that runs: it may write a checkpoint before it goes."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(GRACE)
    except BaseException:  # it takes too long, or this process is asked a second time
        child.kill()
        child.wait()


def _run_here(words: Sequence[str], log_file: pathlib.Path) -> int:
    """As `_run_apart`; a bug keeps its traceback."""
    printed = io.StringIO()
    try:
        with _arguments(words), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            if words[0] == "-m":
                return importlib.import_module(f"{words[1]}.__main__").main(words[2:])
            runpy.run_path(str(ROOT / words[0]), run_name="__main__")
        return 0
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        log_file.write_text(printed.getvalue(), encoding="utf-8")
        _forget()


@contextlib.contextmanager
def _arguments(words: Sequence[str]) -> Iterator[None]:
    kept = sys.argv
    sys.argv = list(words[1:] if words[0] == "-m" else words)
    try:
        yield
    finally:
        sys.argv = kept


def _forget() -> None:
    """Frees the graphs of networks that nobody holds any more."""
    import keras

    keras.backend.clear_session(free_memory=False)
    gc.collect()
