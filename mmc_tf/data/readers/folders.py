"""Files by name, from a folder or from inside a tar archive: a reader need not know which."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np

from mmc_tf.data.readers.arrays import file_error
from mmc_tf.files import one_line

# The largest official member is CIFAR-100's train.bin with 154 MB; more than this is no CIFAR file.
MAX_MEMBER_BYTES = 512 * 2**20


class Files(Protocol):
    """Where a reader gets its bytes."""

    def read(self, name: str) -> bytes:
        """The bytes of the file `name`."""

    def map(self, name: str) -> np.ndarray:
        """The bytes of the file `name` as an array (N,) uint8, which stays on disk where it can."""

    def where(self, name: str) -> str:
        """The file `name` as errors call it."""


@dataclass(frozen=True)
class Folder:
    """The files of a folder on disk."""

    path: Path

    def read(self, name: str) -> bytes:
        """The bytes of the file.

        Raises:
            UserError: if it is missing or unreadable.
        """
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise file_error(self.path / name, "a readable file", one_line(error)) from None

    def map(self, name: str) -> np.ndarray:
        """The bytes of the file (N,) uint8, read when they are looked at.

        Raises:
            UserError: if it is missing or unreadable.
        """
        try:
            if not (self.path / name).stat().st_size:
                return np.empty(0, np.uint8)  # which cannot be mapped
            return np.memmap(self.path / name, np.uint8, mode="r")
        except OSError as error:
            raise file_error(self.path / name, "a readable file", one_line(error)) from None

    def where(self, name: str) -> str:
        """The path of the file."""
        return str(self.path / name)


@dataclass(frozen=True)
class Archive:
    """Files of an archive, unpacked in memory."""

    path: Path
    members: dict[str, bytes]

    def read(self, name: str) -> bytes:
        """The bytes of the member.

        Raises:
            UserError: if the archive has no such file.
        """
        if name not in self.members:
            found = ", ".join(sorted(self.members)) or "none of the files of this layout"
            raise file_error(self.path, f"an archive with {name}", found)
        return self.members[name]

    def map(self, name: str) -> np.ndarray:
        """The bytes of the member (N,) uint8.

        Raises:
            UserError: if the archive has no such file.
        """
        return np.frombuffer(self.read(name), np.uint8)

    def where(self, name: str) -> str:
        """The archive and the member."""
        return f"{self.path} ({name})"


def open_folder(path: Path) -> Folder:
    """The files of a folder."""
    return Folder(path)


def open_archive(path: Path, names: Iterable[str]) -> Archive:
    """Reads the members of a tar.gz archive whose file names are among `names`.

    Nothing is written to disk, so a hostile member name can't reach outside a folder.

    Raises:
        UserError: if the archive is damaged, or a member is far larger than any official one.
    """
    names = set(names)
    members = {}
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                if not member.isfile() or name not in names:
                    continue
                if member.size > MAX_MEMBER_BYTES:
                    raise file_error(
                        path, f"members of at most {MAX_MEMBER_BYTES} bytes", f"{name}: {member.size}"
                    )
                members[name] = archive.extractfile(member).read()
            # To the end, where gzip keeps the checksum; tarfile stops before it.
            while stream.read(2**20):
                pass
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise file_error(path, "a whole tar.gz archive", one_line(error)) from None
    return Archive(path, members)
