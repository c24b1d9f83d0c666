"""An unpickler that can build nothing but arrays, lists, dicts, strings, bytes and numbers.

A pickle is a program: the stock unpickler imports and calls whatever the file names. This one knows the
few that NumPy and Python write for plain arrays and bytes, and maps each to a stand-in of its own, so that
NumPy's C code sees nothing of the file but the bytes of an array whose type and size have been checked.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np

MODULES = (
    "numpy",
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "numpy.core.numeric",
    "numpy._core.numeric",
)
# Booleans, integers and floats of a fixed size: no objects, no structures, no pointers.
KINDS = "biuf"


def load(content: bytes) -> Any:
    """Unpickles plain data.

    Args:
        content: a pickle of any protocol, of Python 2 or 3; Python 2's strings come as bytes.

    Returns:
        Lists, tuples, dicts, strings, bytes, numbers and arrays.

    Raises:
        pickle.UnpicklingError: if it names anything else, which is not imported, or is damaged.

    Example:
        >>> load(pickle.dumps({"labels": [1, 2]}))
        {'labels': [1, 2]}
    """
    try:
        return _finish(_Unpickler(io.BytesIO(content), encoding="bytes").load(), {})
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # A damaged stream fails in whichever opcode it happens to reach.
        raise pickle.UnpicklingError(f"damaged ({type(error).__name__}: {error})") from None


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in MODULES and name in _NAMES:
            return _NAMES[name]
        if (module, name) in _BYTES:
            return _BYTES[module, name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only plain arrays are allowed")


class _Name:
    """A callable that a pickle may name. It has no attributes, so a pickle can't change it (opcode BUILD)."""

    __slots__ = ("_function",)

    def __init__(self, function):
        self._function = function

    def __call__(self, *arguments):
        return self._function(*arguments)

    def __setstate__(self, state):
        raise pickle.UnpicklingError("it tries to change a function")


class _DtypeStandIn:
    __slots__ = ("code", "order")

    def __init__(self, code, *_):
        self.code, self.order = _text(code), "|"

    def __setstate__(self, state):
        self.order = _text(state[1])

    def resolve(self) -> np.dtype:
        order = "=" if self.order == "|" else self.order
        if self.code[:1] not in KINDS or not self.code[1:].isdigit() or order not in "<>=":
            raise pickle.UnpicklingError(f"an array of type {self.code!r}, and only numbers are allowed")
        return np.dtype(order + self.code)


class _ArrayStandIn:
    __slots__ = ("state",)

    def __setstate__(self, state):
        self.state = state

    def resolve(self) -> np.ndarray:
        _, shape, dtype, is_fortran, content = self.state
        return _array(content, dtype, shape, "F" if is_fortran else "C")


def _array(content: Any, dtype: _DtypeStandIn, shape: Any, order: str) -> np.ndarray:
    resolved = dtype.resolve()
    shape = tuple(int(size) for size in shape)
    if isinstance(content, str):  # Python 3 writes the bytes of a protocol-2 array as Latin-1 text.
        content = content.encode("latin1")
    if any(size < 0 for size in shape) or math.prod(shape) * resolved.itemsize != len(content):
        raise pickle.UnpicklingError(f"an array of shape {shape} and type {resolved} in {len(content)} bytes")
    return np.frombuffer(content, resolved).reshape(shape, order=order)


def _frombuffer(content: Any, dtype: _DtypeStandIn, shape: Any, order: Any) -> _ArrayStandIn:
    array = _ArrayStandIn()
    array.state = (1, shape, dtype, _text(order) == "F", bytes(content))
    return array


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _encode(text: Any, encoding: Any) -> bytes:
    if _text(encoding) != "latin1":
        raise pickle.UnpicklingError(f"it encodes to {encoding!r}")
    return text.encode("latin1")


def _finish(value: Any, memo: dict[int, Any]) -> Any:
    """Replaces stand-ins by arrays, and refuses what is left over of the allowed names.

    Shared parts are finished once: without the memo, a list that holds a list twice, and so on forty times,
    would take forever.
    """
    if value is None or isinstance(value, (bool, int, float, str, bytes, bytearray)):
        return value
    if id(value) not in memo:
        if isinstance(value, _ArrayStandIn):
            memo[id(value)] = value.resolve()
        elif isinstance(value, (list, tuple)):
            memo[id(value)] = type(value)(_finish(item, memo) for item in value)
        elif isinstance(value, dict):
            memo[id(value)] = {_finish(key, memo): _finish(item, memo) for key, item in value.items()}
        else:
            raise pickle.UnpicklingError(f"a {type(value).__name__.strip('_')} where plain data should be")
    return memo[id(value)]


# How Python 3 writes bytes in protocols 0 to 2, and empty bytes among them.
_BYTES = {
    ("_codecs", "encode"): _Name(_encode),
    ("__builtin__", "bytes"): _Name(lambda: b""),
    ("builtins", "bytes"): _Name(lambda: b""),
}
_NAMES = {
    "_reconstruct": _Name(lambda *_: _ArrayStandIn()),
    "ndarray": _Name(lambda *_: _ArrayStandIn()),
    "dtype": _Name(_DtypeStandIn),
    "_frombuffer": _Name(_frombuffer),
}
