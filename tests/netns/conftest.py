import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import netns  # noqa: E402


def pytest_sessionstart(session):
    # meson ends a test that runs too long with SIGTERM: clean up then, too.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def pytest_collection_modifyitems(items):
    reason = netns.unmet_needs()
    if reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for topology in netns.active:
            topology.keep = True
            topology.explain()
