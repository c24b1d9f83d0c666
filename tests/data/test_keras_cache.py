import contextlib
import socket
import threading
import time

import keras
import pytest

from mmc_tf.data import keras_cache


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)


def use_origin(monkeypatch, origin, **changes):
    arguments = {"fname": "mnist.npz", "origin": origin} | changes
    monkeypatch.setitem(keras_cache.DOWNLOADS, "mnist", ([arguments], "datasets"))


def test_the_arguments_are_those_of_keras_datasets(monkeypatch):
    """Names, addresses and checksums, as the installed Keras asks for them."""
    asked = []

    class StopError(Exception):
        pass

    def get_file(fname=None, **arguments):
        asked.append({"fname": fname, **arguments})
        if len(asked) == expected_calls:
            raise StopError
        return "unused"

    names = {"mnist": "mnist", "fashion_mnist": "fashion_mnist", "cifar10": "cifar10", "cifar100": "cifar100"}
    for name, module_name in names.items():
        asked.clear()
        files = keras_cache.DOWNLOADS[name][0]
        expected_calls = len(files)
        module = __import__(f"keras.src.datasets.{module_name}", fromlist=["load_data"])
        monkeypatch.setattr(module, "get_file", get_file)
        with pytest.raises(StopError):
            module.load_data()
        by_name = {arguments["fname"]: arguments for arguments in asked}
        assert by_name == {arguments["fname"]: arguments for arguments in files}


def test_the_cache_is_where_keras_has_it(tmp_path, monkeypatch):
    assert keras_cache.cache_dir() == tmp_path / "keras"
    monkeypatch.delenv("KERAS_HOME")
    assert keras_cache.cache_dir().parts[-1] == ".keras"


def test_an_unknown_host_fails_within_the_probe_time(monkeypatch):
    use_origin(monkeypatch, "https://no-such-host.invalid/mnist.npz")
    start = time.monotonic()
    with pytest.raises(keras_cache.DownloadError, match=r"no-such-host\.invalid"):
        keras_cache.download("mnist")
    assert time.monotonic() - start < keras_cache.PROBE_SECONDS + 0.5


def test_a_host_that_never_answers_fails_within_the_probe_time(monkeypatch):
    monkeypatch.setattr(keras_cache, "PROBE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        use_origin(monkeypatch, f"http://127.0.0.1:{server.getsockname()[1]}/mnist.npz")
        start = time.monotonic()
        with pytest.raises(keras_cache.DownloadError, match=r"no answer from|can't be reached"):
            keras_cache.download("mnist")
        assert time.monotonic() - start < 1


@contextlib.contextmanager
def http_server(content):
    """Serves `content` on this machine."""
    import http.server

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_download_lands_in_the_cache_and_says_so(tmp_path, monkeypatch, capsys):
    (tmp_path / "keras").mkdir()
    with http_server(b"some bytes") as address:
        use_origin(monkeypatch, address + "mnist.npz")
        folder = keras_cache.download("mnist")
    assert folder == keras_cache.cached_folder("mnist") == tmp_path / "keras" / "datasets"
    assert (folder / "mnist.npz").read_bytes() == b"some bytes"
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"Downloading {address}mnist.npz into {tmp_path / 'keras'}\n"
    assert socket.getdefaulttimeout() is None


def test_a_tampered_download_is_refused(tmp_path, monkeypatch):
    (tmp_path / "keras").mkdir()
    with http_server(b"tampered") as address:
        use_origin(monkeypatch, address + "mnist.npz", file_hash="0" * 64)
        with pytest.raises(keras_cache.DownloadError, match="file hash does not match") as caught:
            keras_cache.download("mnist")
    assert "\n" not in str(caught.value)


def test_a_failed_download_says_why_in_one_line(monkeypatch):
    def get_file(**_):
        raise Exception("URL fetch failure on x: 404\n -- Not Found")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with http_server(None) as address:  # which answers 404 to the probe, too
        use_origin(monkeypatch, address + "mnist.npz")
        with pytest.raises(
            keras_cache.DownloadError, match=r"^Exception: URL fetch failure on x: 404 -- Not Found$"
        ):
            keras_cache.download("mnist")


def test_keras_get_file_is_what_downloads(monkeypatch):
    monkeypatch.setattr(keras_cache, "_probe", lambda url: None)
    monkeypatch.setattr(keras.utils, "get_file", lambda **arguments: f"/cache/{arguments['fname']}")
    assert str(keras_cache.download("cifar10")) == "/cache/cifar-10-batches-py-target"
    assert str(keras_cache.download("fashion_mnist")) == "/cache"
