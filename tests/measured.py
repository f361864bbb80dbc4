"""Coverage: measured in the tests that say what a module does; the others run at full speed, as users' runs do.

`coverage run -m pytest` measures from the start, so that definitions count. Modules that only whole runs reach
(workflows, the sandbox's own process) are lower than they are tested.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MEASURED = ("unit", "integration/image", "integration/observe/test_tracer.py", "integration/observe/test_gate_release.py")
"""The tracer's process is measured in these too: the variable below starts coverage in it."""
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
        if wanted and "tracer" in place:
            os.environ[START] = str(HERE.parent / "pyproject.toml")
        else:
            os.environ.pop(START, None)
