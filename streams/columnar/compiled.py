"""Functions compiled to machine code at their first call, and kept on disk for the next process.

They take numbers and numpy arrays only, and make no arrays. Their machine code holds whatever they call and each
constant that they use; by the import contracts that is in their own folder, in what the stages share or in `schemas`.
So it lies in a folder named after a digest of all those: beside the module, or else below `~/.cache`;
`NUMBA_CACHE_DIR` names another place. Where none of these can be written it is made anew in each process, which takes
some ten seconds of one core.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

MAKING = "making machine code ready; the first time after a change of it may take a minute"
"""What a process that must have it before it begins says."""

_STREAMS = Path(__file__).parents[1]
_SHARED = (_STREAMS, _STREAMS / "columnar", _STREAMS / "fold", _STREAMS.parent / "schemas")
int64 = cast(Callable[[Any], int], np.int64)
"""A signed integer of 64 bits; to the type checker it is the `int` that Python would have."""

# Functions that call each other become one, and arrays are not counted by who holds them: each count of a call is two
# locked instructions, which took half of the time of loops of such calls. So no array can be made in compiled code.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "forceinline": True, "_nrt": False}


def compiled[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function: IEEE arithmetic as written, no bounds are checked, division by zero gives inf or nan."""
    folder = _folder(Path(function.__code__.co_filename).parent)
    if folder is None:
        return cast(Callable[P, R], numba.njit(function, **_OPTIONS))
    vars(numba.config)["CACHE_DIR"] = str(folder)
    return cast(Callable[P, R], numba.njit(function, cache=True, **_OPTIONS))


def _fetch(_typing: Any, array: Any, row: Any) -> Any:
    """Make the instructions of `fetch`: LLVM's `llvm.prefetch`, to read, into all caches."""

    def made(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        at = context.cast(builder, arguments[1], signature.args[1], numba.types.intp)
        size = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        byte, number = ir.IntType(8), ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte.as_pointer()], shape)
        stride = builder.extract_value(view.strides, 0)
        first = builder.gep(builder.bitcast(view.data, byte.as_pointer()), [builder.mul(at, stride)])
        for offset in sorted({0, size - 1 if size > 8 else 0}):
            place = builder.gep(first, [ir.Constant(ir.IntType(64), offset)])
            builder.call(prefetch, [place, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return numba.types.void(array, row), made


fetch = cast(Callable[[NDArray[Any], int], None], intrinsic(_fetch))
"""Ask, in compiled code, for the memory of `array[row]`, and do not wait: who reads it soon finds it in the cache.

Of a record its first and last byte are asked for, else the first one of the row. Any `row` is allowed: none is read.
"""


@cache
def _folder(room: Path) -> Path | None:
    """Return a folder for the machine code of a room as its sources now are; None where none can be written."""
    digest = hashlib.sha256(repr(vars(numba.config).get("BOUNDSCHECK")).encode())
    for source in _sources(room):
        digest.update(source.read_bytes())
    for place in _places(room):
        folder = place / f"compiled-{digest.hexdigest()[:16]}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


def _sources(room: Path) -> Iterator[Path]:
    for folder in (room, *_SHARED):
        yield from sorted(folder.glob("*.py"))


def _places(room: Path) -> Iterator[Path]:
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen)
    yield room / "__pycache__"
    yield Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "urbanbrain"
