"""Files that are either there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pathlib
import re
from collections.abc import Iterator

from mmc_tf.checks import argument_error

PROBE_BYTES = 2**20
_TEMPORARY = re.compile(r"\..+\.(\d+)(?:\.[^.]+)?")


@contextlib.contextmanager
def replacing(path: str | os.PathLike, *, durable: bool = False) -> Iterator[pathlib.Path]:
    """Yields a temporary name in the folder of `path`, and renames it to `path` when the block ends well.

    A reader, or a run resumed after SIGKILL, sees the old file or the new one, never half of one.

    Args:
        path: the file to make or replace. Its folder is made where it is missing. The suffix is kept, since
            Keras and NumPy choose their format by it.
        durable: whether the file is on the disk itself when the block has ended, so that what it stands for may be
            removed: a machine that loses power may otherwise hold an empty file under the new name.

    Example:
        >>> with replacing("runs/a/config.json") as temporary:
        ...     temporary.name.startswith(".config"), temporary.write_text("{}")
        (True, 2)
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        if durable:
            _to_disk(temporary)
        os.replace(temporary, path)
        if durable:
            _to_disk(path.parent)
    except OSError as error:
        # A full disk is reported by writers that do not say which file they were writing.
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _to_disk(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that know no such thing
            raise
    finally:
        os.close(descriptor)


def clear_temporaries(folder: str | os.PathLike) -> None:
    """Removes what killed writers of `replacing` left in a folder; those of processes that live are let be."""
    for path in pathlib.Path(folder).glob(".*"):
        found = _TEMPORARY.fullmatch(path.name)
        if found and path.is_file() and not _lives(int(found[1])):
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    if process == os.getpid():
        return False  # the number was another's before: this process is not writing yet
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes text in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def locked(path: str | os.PathLike) -> Iterator[None]:
    """Waits until no other process is in a block with this `path`; the end of a process, however it comes, frees it.

    Args:
        path: an empty file, which is made where it is missing, and stays.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def held(path: str | os.PathLike) -> Iterator[None]:
    """As `locked`, but does not wait, and removes the file at the end.

    Raises:
        BlockingIOError: if another block holds it, here or in another process.
    """
    path = pathlib.Path(path)
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                break
        except BaseException:
            file.close()
            raise
        file.close()  # its last holder removed it between our opening and our locking
    with file:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def check_writable(argument: str, folder: str | os.PathLike, *, probe: bool = True) -> None:
    """Asks before hours of work whether their result can be written to `folder`, which need not exist yet.

    Args:
        argument: the argument that names the folder.
        folder: where files are to be written.
        probe: whether to write 1 MiB where the folder is or would be made, and remove it; False touches nothing
            and finds less.

    Raises:
        UserError: if they cannot.
    """
    existing = pathlib.Path(folder).absolute()
    while not os.path.exists(existing) and existing != existing.parent:  # where stat is refused, Path raises
        existing = existing.parent
    try:
        if not existing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(existing, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if probe:
            _write_and_remove(existing / f".probe-{os.getpid()}")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        expected = f"a folder that can be written to, with {PROBE_BYTES // 2**20} MB free at least"
        raise argument_error(argument, expected, f"{folder} ({existing}: {reason})") from None


def _write_and_remove(path: pathlib.Path) -> None:
    try:
        path.write_bytes(b"\0" * PROBE_BYTES)
    finally:
        path.unlink(missing_ok=True)
