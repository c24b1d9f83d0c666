"""Sentences about a network that belong beside every number of it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping


class NetworkWarning(UserWarning):
    """Something about a network that decides what a number of it is worth."""


def warn_of(notes: Mapping[str, str]) -> None:
    """Issues one `NetworkWarning` a note, `CODE: sentence`; Python shows each once at a place."""
    for code, sentence in notes.items():
        warnings.warn(f"{code}: {sentence}", NetworkWarning, stacklevel=3)


@contextlib.contextmanager
def told_elsewhere() -> Iterator[None]:
    """Within it no `NetworkWarning` is shown: whoever attacks many batches says once what there is to say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NetworkWarning)
        yield
