"""What is compiled ahead is all that a worker and a gateway run: compiling while readings wait delays alerts."""

import subprocess
import sys

_NOT_READY = """
import sys
import numba
from streams import warm, wiring
warm.warm()
compiled = {
    f"{name}.{known}": value
    for name, module in list(sys.modules.items())
    if name.startswith("streams.")
    for known, value in vars(module).items()
    if isinstance(value, numba.core.registry.CPUDispatcher) and value.py_func.__module__ == name
}
# What others call lies within their machine code, and is not loaded by itself.
within = {called for value in compiled.values() for called in value.py_func.__code__.co_names}
for name, value in sorted(compiled.items()):
    if not value.signatures and name.rpartition(".")[2] not in within:
        print(name)
"""


def test_no_function_is_left_to_be_compiled_by_the_first_readings() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _NOT_READY], capture_output=True, text=True, check=True, timeout=600
    )
    assert ran.stdout == ""
