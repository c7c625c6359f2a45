import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import netns.conftest  # noqa: E402

pytest_sessionstart = netns.conftest.pytest_sessionstart
pytest_runtest_makereport = netns.conftest.pytest_runtest_makereport
