"""A run's folder belongs to one process at a time, from before its first file until after its last."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mmc_tf import files
from mmc_tf.checks import argument_error
from mmc_tf.training.runs import RunFolder, unused_name


@contextlib.contextmanager
def claimed(folder: RunFolder, *, is_new: bool, stem: str | None = None) -> Iterator[RunFolder]:
    """Makes a run's folder and holds it, which no other process can while the block lasts.

    The claim ends with the block or with the process, however it comes. A folder that is empty then goes, so that a
    mistake leaves nothing.

    Args:
        folder: as `open_run` gave it; what another process may have made of it since is seen here.
        is_new: whether the folder must not be a run's yet, because it is neither resumed nor replaced.
        stem: where the program chose the name: a free name after it is taken instead of one that is not.

    Yields:
        The folder.

    Raises:
        UserError: if another process trains the run, or began it meanwhile.
    """
    with contextlib.ExitStack() as stack:
        while True:
            try:
                _take(stack, folder, is_new=is_new)
                break
            except (BlockingIOError, FileExistsError):
                if stem is None:
                    expected = "a run that no other process is training"
                    received = f"{folder.path}, which another process has begun"
                    raise argument_error("run_name", expected, received) from None
                folder = RunFolder(folder.path.parent / unused_name(folder.path.parent, stem))
        for each in (folder.path, folder.checkpoints, folder.margins):
            files.clear_temporaries(each)
        yield folder


def _take(stack: contextlib.ExitStack, folder: RunFolder, *, is_new: bool) -> None:
    """Makes and holds the folder until the stack is unwound.

    Raises:
        FileExistsError: if it should be new, and is a run's.
        BlockingIOError: if another process holds it.
    """
    folder.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.path.mkdir()  # of several processes, one succeeds
    except FileExistsError:
        if is_new and not folder.is_vacant:
            raise
    else:
        stack.callback(_remove_if_empty, folder)
    stack.enter_context(files.held(folder.lock_file))
    if is_new and not folder.is_vacant:  # trained by another process, from beginning to end, between the two
        raise FileExistsError


def _remove_if_empty(folder: RunFolder) -> None:
    with contextlib.suppress(OSError):
        folder.path.rmdir()
