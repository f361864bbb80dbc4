"""Coverage: measured in the tests that say what a module does; the others run at full speed, as users' runs do.

`coverage run -m pytest` measures from the start, so that definitions count. Modules that only whole runs reach
(workflows, the sandbox's own process) are lower than they are tested.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from docker_slim_plugin.host import child_process

HERE = Path(__file__).parent
TRACER = tuple(
    f"integration/observe/test_{name}.py" for name in ("tracer", "gate_release", "exec_attach", "existing_processes")
)
"""Here the tracer's process is measured too: the variable below starts coverage in it."""
COMMANDS = ("integration/workflows/test_pack.py",)
"""Here the processes of the command line are measured too, in the same way."""
MEASURED = ("unit", "integration/image", *TRACER, *COMMANDS)
UNMEASURED = ("unit/test_foreign_input.py", "unit/test_linters.py", "unit/cli/test_plugin_metadata.py")
"""Their times and imports are what they test."""
START = "COVERAGE_PROCESS_START"


class Coverage:
    """Turns the session's measurement on and off; without one it does nothing."""

    def __init__(self) -> None:
        try:
            from coverage import Coverage as Measurement
        except ImportError:
            self.measurement = None
        else:
            self.measurement = Measurement.current()
        self.is_on = self.measurement is not None

    def turn(self, item: pytest.Item) -> None:
        """Measure this test, or do not."""
        place = item.path.relative_to(HERE).as_posix()
        wanted = place.startswith(MEASURED) and not place.startswith(UNMEASURED)
        if self.measurement is None:
            return
        if wanted != self.is_on:
            self.is_on = wanted
            (self.measurement.start if wanted else self.measurement.stop)()
        child_process.ENVIRONMENT.pop(START, None)
        os.environ.pop(START, None)
        if wanted and place.startswith(COMMANDS):
            os.environ[START] = str(HERE.parent / "pyproject.toml")
        if wanted and place.startswith(TRACER):
            child_process.ENVIRONMENT[START] = str(HERE.parent / "pyproject.toml")
