import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import netns.conftest  # noqa: E402
import nics  # noqa: E402
from guest import machine  # noqa: E402
from harness import homeward  # noqa: E402
from harness.netns import unmet_needs  # noqa: E402

pytest_sessionstart = netns.conftest.pytest_sessionstart
pytest_runtest_makereport = netns.conftest.pytest_runtest_makereport


def pytest_collection_modifyitems(items):
    reason = unmet_needs() or homeward.unmet_needs() or machine.unmet_needs(nics.PROGRAMS)
    if reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))
