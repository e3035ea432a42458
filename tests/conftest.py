"""What all tests share: where the real frames are."""

import os
from pathlib import Path

import pytest

# The workers of a test run set it, and summaries would be folded to it; readline does so where Python does not see it.
os.environ.pop("COLUMNS", None)
os.unsetenv("COLUMNS")


@pytest.fixture(scope="session")
def frames() -> Path:
    """The folder of real captures, named by FEEDTAPE_FRAMES; they belong to others and are not part of the project."""
    named = os.environ.get("FEEDTAPE_FRAMES")
    if named and Path(named).is_dir():
        return Path(named)
    if os.environ.get("FEEDTAPE_FRAMES_REQUIRED"):
        pytest.fail(f"real frames are required, and FEEDTAPE_FRAMES names no folder: {named!r}")
    pytest.skip("REAL FRAMES NOT TESTED: set FEEDTAPE_FRAMES to the folder of captures")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly when the tests on real frames were skipped."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "REAL FRAMES" in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(
            f"WARNING: {len(skipped)} tests on real frames were SKIPPED: FEEDTAPE_FRAMES is not set", yellow=True
        )
