"""The last resort for missing files: the Keras cache, and a download into it.

The files, their places in the cache and their checksums are those of `keras.datasets`, so both share what one
has downloaded; only the reading is ours, because `keras.datasets` unpickles CIFAR with the stock unpickler.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

from mmc_tf.files import one_line

# Bad input must be reported within 5 seconds, starting the program included.
PROBE_SECONDS = 2.0
STALL_SECONDS = 30.0

_GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_TORONTO = "https://www.cs.toronto.edu/~kriz/"
_CIFAR10 = {
    "fname": "cifar-10-batches-py-target",
    "origin": _TORONTO + "cifar-10-python.tar.gz",
    "extract": True,
    "file_hash": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
}
_CIFAR100 = {
    "fname": "cifar-100-python-target",
    "origin": _TORONTO + "cifar-100-python.tar.gz",
    "extract": True,
    "file_hash": "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
}
_MNIST = {
    "fname": "mnist.npz",
    "origin": _GOOGLE + "mnist.npz",
    "file_hash": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
}
_FASHION = [
    {"fname": name, "origin": _GOOGLE + name, "cache_subdir": os.path.join("datasets", "fashion-mnist")}
    for name in (
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    )
]

# For each data set the arguments of `keras.utils.get_file`, and the folder of the cache that holds its files.
DOWNLOADS = {
    "mnist": ([_MNIST], "datasets"),
    "fashion_mnist": (_FASHION, "datasets/fashion-mnist"),
    "cifar10": ([_CIFAR10], "datasets/cifar-10-batches-py-target"),
    "cifar100": ([_CIFAR100], "datasets/cifar-100-python-target"),
    "cifar100_coarse": ([_CIFAR100], "datasets/cifar-100-python-target"),
}


class DownloadError(Exception):
    """Why nothing could be downloaded, in one line."""


def cache_dir() -> Path:
    """Keras' own folder, found without importing Keras (which takes seconds)."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def cached_folder(name: str) -> Path:
    """The folder of the cache that holds the data set's files, if any have been downloaded."""
    return cache_dir() / DOWNLOADS[name][1]


def download(name: str) -> Path:
    """Downloads the data set into the Keras cache.

    Returns:
        The folder that holds its files.

    Raises:
        DownloadError: if the host does not answer within 2 seconds, or the download fails.
    """
    files, _ = DOWNLOADS[name]
    _probe(files[0]["origin"])
    import keras  # seconds of importing, worth it only now

    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        for file in files:
            print(f"Downloading {file['origin']} into {cache_dir()}", file=sys.stderr, flush=True)
            with contextlib.redirect_stdout(io.StringIO()):  # Keras' progress bar, which needs a terminal
                path = Path(keras.utils.get_file(**file, cache_dir=str(cache_dir())))
    except Exception as error:  # Keras raises plain Exception for a URL that can't be fetched.
        raise DownloadError(one_line(error)) from None
    finally:
        socket.setdefaulttimeout(timeout)
    # Keras falls back on a folder in /tmp where its own is not writable, so ask the file where it is.
    return path if files[0].get("extract") else path.parent


def _probe(url: str) -> None:
    """Asks for the headers of `url`. In a thread, because looking up a name has no timeout of its own."""
    answer: list[BaseException | None] = []

    def ask():
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PROBE_SECONDS).close()
            answer.append(None)
        except urllib.error.HTTPError as response:
            response.close()
            answer.append(None)  # it answers; whether it has the file is for the download to find out
        except Exception as error:
            answer.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    if not answer:
        raise DownloadError(f"no answer from {url} within {PROBE_SECONDS:g} seconds")
    if answer[0] is not None:
        reason = answer[0].reason if isinstance(answer[0], urllib.error.URLError) else answer[0]
        raise DownloadError(f"{url} can't be reached ({' '.join(str(reason).split())[:120]})")
