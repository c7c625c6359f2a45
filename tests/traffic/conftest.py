import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "bench" / "traffic")]

import netns.conftest  # noqa: E402

pytest_sessionstart = netns.conftest.pytest_sessionstart
pytest_runtest_makereport = netns.conftest.pytest_runtest_makereport
