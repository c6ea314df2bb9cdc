"""How `memoryview(memory)` finds the bytes.

From Python 3.12 on, a class says so with `__buffer__`. Before, only C types could; so a base class
is made through the C interface whose buffer slot is a chain of C functions without any Python
code in it (an exception, say Ctrl-C, could not leave the slot properly): ctypes calls
PyObject_GetBuffer on what `_memory.exported` holds.
"""

import ctypes
import operator
import sys
from typing import TYPE_CHECKING, Final

_GETBUFFER_SLOT: Final = 1  # Py_bf_getbuffer
_FLAGS: Final = 1 << 18 | 1 << 10  # Py_TPFLAGS_DEFAULT, Py_TPFLAGS_BASETYPE


class _Slot(ctypes.Structure):
    _fields_ = [("slot", ctypes.c_int), ("function", ctypes.c_void_p)]


class _Spec(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    ]


class _Exported:
    """An argument type that turns an exporter into what it exports."""

    from_param = operator.attrgetter("_memory.exported")


def _make_type() -> tuple[type, list[object]]:
    """The base class, and what must live as long as it."""
    api = ctypes.pythonapi
    getbuffer = ctypes.PyDLL(None).PyObject_GetBuffer
    # any object with `from_param` will do, though the type stubs want a ctypes type
    getbuffer.argtypes = [_Exported, ctypes.c_void_p, ctypes.c_int]  # type: ignore[list-item]
    getbuffer.restype = ctypes.c_int
    prototype = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_void_p, ctypes.c_int)
    callback = prototype(getbuffer)
    address = ctypes.cast(callback, ctypes.c_void_p)
    slots = (_Slot * 2)(_Slot(_GETBUFFER_SLOT, address), _Slot(0, None))
    spec = _Spec(b"wadjet.api.buffer.Exporter", object.__basicsize__, 0, _FLAGS, slots)
    api.PyType_FromSpec.restype = ctypes.py_object
    api.PyType_FromSpec.argtypes = [ctypes.POINTER(_Spec)]
    made: type = api.PyType_FromSpec(ctypes.byref(spec))
    return made, [callback, slots, spec, getbuffer]


if sys.version_info >= (3, 12) or TYPE_CHECKING:

    class Exporter:
        """Base class of what exports the bytes of its `_memory` (a runtime Memory)."""

        __slots__ = ()
else:
    Exporter, _kept = _make_type()
