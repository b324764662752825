"""What is compiled ahead is all that a worker and a gateway run: compiling while readings wait delays alerts."""

import subprocess
import sys

_NOT_READY = """
import sys
import numba
from streams import warm, wiring
warm.warm()
for name, module in sorted(sys.modules.items()):
    if name.startswith("streams."):
        for known, value in sorted(vars(module).items()):
            if isinstance(value, numba.core.registry.CPUDispatcher) and not value.signatures:
                print(f"{name}.{known}")
"""


def test_no_function_is_left_to_be_compiled_by_the_first_readings() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _NOT_READY], capture_output=True, text=True, check=True, timeout=600
    )
    assert ran.stdout == ""
