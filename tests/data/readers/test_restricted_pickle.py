import collections
import pickle
import struct

import numpy as np
import pytest

from mmc_tf.data.readers import restricted_pickle


class Evil:
    """Pickles as a call of whatever it was given."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
        np.array([1.5, -2.0], ">f4"),
        np.array(True),
        np.zeros((0, 4), np.float32),
    ],
)
def test_arrays_equal_the_stock_unpickler(value, protocol):
    loaded = restricted_pickle.load(pickle.dumps(value, protocol=protocol))
    np.testing.assert_array_equal(loaded, value)
    assert loaded.dtype == value.dtype


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data(protocol):
    value = {"a": [1, 2.5, None, True], "b": ("x", b"y", b""), "big": 2**80}
    assert restricted_pickle.load(pickle.dumps(value, protocol=protocol)) == value


def test_python2_strings_come_as_bytes():
    assert restricted_pickle.load(b"\x80\x02}U\x06labels](K\x01K\x02es.") == {b"labels": [1, 2]}


@pytest.mark.parametrize("protocol", range(6))
def test_a_malicious_pickle_is_refused_and_never_run(tmp_path, protocol):
    import os

    marker = tmp_path / "marker"
    for function, argument in (
        (os.system, f"touch {marker}"),
        (eval, f"open({str(marker)!r}, 'w')"),
        (exec, "1"),
    ):
        content = pickle.dumps({"data": Evil(function, argument)}, protocol=protocol)
        with pytest.raises(pickle.UnpicklingError, match="only plain arrays are allowed"):
            restricted_pickle.load(content)
    assert not marker.exists()


@pytest.mark.parametrize(
    "value", [collections.OrderedDict(a=1), {1, 2}, np.float64(3), complex(1), Evil, slice(1), range(3)]
)
def test_anything_but_plain_data_is_refused(value):
    with pytest.raises(pickle.UnpicklingError):
        restricted_pickle.load(pickle.dumps(value))


@pytest.mark.parametrize(
    "value",
    [np.array([object], object), np.array(["a"]), np.zeros(2, [("x", int)]), np.array(["2020"], "M8[Y]")],
)
def test_only_arrays_of_numbers(value):
    with pytest.raises(pickle.UnpicklingError):
        restricted_pickle.load(pickle.dumps(value))


@pytest.mark.parametrize("shape", [(1 << 40,), (-1,), (3,), ()])
def test_an_array_must_have_the_bytes_its_shape_promises(shape):
    """A shape without its bytes would otherwise allocate, or read, memory that is not the file's."""
    sizes = b"".join(b"\x8a\x08" + struct.pack("<q", size) for size in shape)
    content = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01(" + sizes
    )
    content += (
        b"tcnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    content += b"\x89U\x02\x01\x02tb."
    with pytest.raises(pickle.UnpicklingError, match="in 2 bytes"):
        restricted_pickle.load(content)


@pytest.mark.parametrize(
    "content",
    [
        # BUILD on an allowed name: would set attributes of the function for every later pickle
        b"\x80\x02cnumpy\ndtype\n}U\x01xK\x01sb.",
        # a name left where data should be
        b"\x80\x02cnumpy\ndtype\n.",
        # a dtype left where data should be
        b"\x80\x02cnumpy\ndtype\nU\x02u1\x85R.",
        # an array never filled
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R.",
        # numpy has functions, too
        b"\x80\x02cnumpy\nload\nU\x01x\x85R.",
        b"\x80\x02cnumpy\nndarray.__class__\n.",
        # persistent ids and the extension registry
        b"Pid\n.",
        b"\x80\x02\x82\x01.",
        # a list that holds itself
        b"\x80\x02]q\x00h\x00a.",
        b"",
        b"\x80\x02",
        b"\x80\x63.",
        b"garbage",
    ],
)
def test_tricks_and_damage(content):
    with pytest.raises(pickle.UnpicklingError):
        restricted_pickle.load(content)


def test_a_pickle_that_shares_its_parts_does_not_explode():
    """Forty lists, each holding the one before twice: 2^40 visits without a memo."""
    value = [1]
    for _ in range(40):
        value = [value, value]
    loaded = restricted_pickle.load(pickle.dumps(value))
    assert loaded[0] is loaded[1]
