"""What has to happen before TensorFlow is imported: its log level, its backend, and its chatter on stderr."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


def prepare_environment() -> None:
    """Sets what TensorFlow and Keras read at import, unless the user has set it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # A user's keras.json may name another backend; training and attacks are written for this one.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Keeps what libraries write to stderr while they are imported, and shows it only if the import fails.

    TensorFlow reports missing CUDA drivers from C++ and before its log level counts, so that only the file
    descriptor itself can be turned away.

    Example:
        >>> with quiet_imports():
        ...     import json
    """
    _flush()
    try:
        saved = os.dup(2)
    except OSError:  # no stderr at all, as under some service managers
        yield
        return
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except BaseException:
            _restore(saved)
            saved = None
            captured.seek(0)
            with contextlib.suppress(OSError):  # nobody reads it
                os.write(2, captured.read())
            raise
        finally:
            if saved is not None:
                _restore(saved)


def _restore(saved: int) -> None:
    _flush()
    os.dup2(saved, 2)
    os.close(saved)


def _flush() -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):  # closed, or nobody reads it
            sys.stderr.flush()
