"""Ctrl-C at any moment of the demo: nothing of it is left. Its network is drawn in docs/demo.md."""

import os
import pathlib
import signal
import subprocess
import time

import pytest
from harness.build import build_directory
from harness.process import run, wait_until

DEMO = pathlib.Path(__file__).resolve().parents[2] / "bench" / "demo" / "demo.py"


def left_of(pid):
    namespaces = [line for line in run(["ip", "netns", "list"]).stdout.splitlines() if line.startswith(f"hw-{pid}-")]
    directories = [str(path) for path in pathlib.Path("/tmp").glob(f"homeward-{pid}-*")]
    return namespaces + directories


def children_of(session):
    """Processes in namespaces of the demo are found by the parent they had: those of the demo's session or its own."""
    alive = []
    for status in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = status.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(session.encode() in word for word in words):
            alive.append((status.parent.name, words[0].decode(errors="replace")))
    return alive


@pytest.mark.parametrize("step, delay, number", [
    ("starting the home agent", 0.0, signal.SIGINT),
    ("starting the home agent", 0.4, signal.SIGINT),
    ("cellular only", 0.1, signal.SIGTERM),
    ("cellular only", 5.0, signal.SIGINT),
    ("encoding", 0.2, signal.SIGINT),
])
def test_nothing_is_left(tmp_path, step, delay, number):
    demo = subprocess.Popen(["/usr/bin/python3", "-u", DEMO, "--build", build_directory(), "--output", tmp_path / "demo"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        if not any(step in line for line in demo.stdout):
            pytest.fail(f"the demo ended before '{step}'")
        time.sleep(delay)
        # As a terminal does: everybody in the foreground gets it.
        os.killpg(demo.pid, number)
        rest, _ = demo.communicate(timeout=60)
    finally:
        demo.kill()
    assert demo.returncode in (130, 143), rest
    assert left_of(demo.pid) == []
    wait_until(lambda: not children_of(f"homeward-{demo.pid}-"), "every process of the demo to be gone")
    assert not children_of(str(tmp_path / "demo"))
