"""How a program of ours ends: with an exit status, and with one line for what its user can mend."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, TextIO

from mmc_tf.checks import UserError, check_backend

USER_ERROR, INTERRUPTED, PIPE_CLOSED, TERMINATED = 2, 130, 141, 143
_OUT_OF_MEMORY = "out of memory, where a smaller --batch_size or fewer images need less"


class TerminatedError(Exception):
    """SIGTERM asked the program to end; the message says what it leaves behind."""


def run_program(work: Callable[[], Any], *, verbose: bool = False) -> int:
    """Calls `work`, prints the text it returns, and turns what the user can mend into one line.

    Args:
        work: the whole program; where it returns a number, that is its status.
        verbose: whether the traceback of a mistake is shown too.

    Returns:
        The exit status: 0; 2 for a mistake, a file that cannot be read or written, or too little memory; 130 when
        interrupted, 143 when terminated; 141 when nobody reads the output any more. Any other exception is a bug and
        keeps its traceback.
    """
    prepare_streams()
    try:
        check_backend(os.environ)
        result = work()
        if isinstance(result, str):
            print(result, flush=True)
        status = result if isinstance(result, int) else 0
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        status = PIPE_CLOSED
    except (KeyboardInterrupt, Exception) as error:
        status, line = _ending(error)
        if status is None:
            raise
        with contextlib.suppress(OSError, ValueError):  # nobody hears of it, and the status says it
            if verbose:
                traceback.print_exception(error)
            print(line, file=sys.stderr, flush=True)
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    return status


def prepare_streams() -> None:
    """Makes sure that all three streams are there, and that no sign is a reason to stop.

    Where a stream was closed by the caller (`2>&-`), the next file that is opened would get its number, and what
    TensorFlow writes to its error stream would end in that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest number that is free
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
    if getattr(sys.stdout, "errors", None) == "strict" and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal of ASCII signs shows Σw² as ?w?


def _ending(error: BaseException) -> tuple[int | None, str]:
    """The exit status of an exception and its line; None for a bug."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"
    if isinstance(error, TerminatedError):
        return TERMINATED, f"terminated: {_one_line(error)}"
    if isinstance(error, UserError | OSError) or _is_file_error(error):
        return USER_ERROR, f"error: {_one_line(error)}"
    if isinstance(error, MemoryError) or _is_tensorflow(error, "ResourceExhaustedError"):
        detail = str(error).strip().split("\n")[0]
        return USER_ERROR, f"error: {_OUT_OF_MEMORY}" + (f" ({' '.join(detail.split())})" if detail else "")
    return None, ""


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        files = [str(name) for name in (error.filename, error.filename2) if name is not None]
        return ": ".join([error.strerror, *files])
    return " ".join(str(error).split()) or type(error).__name__


def _is_tensorflow(error: BaseException, *names: str) -> bool:
    """Whether an error is one of TensorFlow's classes of these names, without importing it."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(
        error, tuple(getattr(tensorflow.errors, name) for name in names)
    )


def _is_file_error(error: BaseException) -> bool:
    """TensorFlow's own writers report a full disk or a closed folder by classes that are no OSError."""
    full = _is_tensorflow(error, "ResourceExhaustedError") and "No space left" in str(error)
    return full or _is_tensorflow(error, "PermissionDeniedError")


def _flush(stream: TextIO) -> None:
    """Writes what is left; into nothing where nobody reads it, or Python's own attempt would change the status."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
