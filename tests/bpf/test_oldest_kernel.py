"""The agent's programs in the oldest kernel that is promised, Debian 12's, in an emulated machine: its verifier takes them, and
packet by packet they do there what they do here (steering_test.cpp, fast_path_test.cpp, flow_counts_test.cpp)."""

import os
import pathlib
import re
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ["HOMEWARD_BUILD"])
sys.path[:0] = [str(HERE.parent)]

from guest import machine  # noqa: E402
from harness.netns import Topology, unmet_needs  # noqa: E402

pytestmark = pytest.mark.skipif(bool(unmet_needs() or machine.unmet_needs()), reason=unmet_needs() or machine.unmet_needs() or "-")


@pytest.fixture(scope="module")
def guest():
    with Topology("old") as net, tempfile.TemporaryDirectory(prefix=f"homeward-{os.getpid()}-") as sockets:
        made = machine.Guest(net.namespace("host"), pathlib.Path(sockets), BUILD / "guest-kernel")
        made.run("modprobe -a veth cls_bpf sch_ingress")
        yield made


def test_it_is_the_oldest(guest):
    assert guest.run("uname -r").startswith("6.1.")


@pytest.mark.parametrize("program", ["bpf_steering_test", "bpf_fast_path_test", "bpf_flow_counts_test"])
def test_programs(guest, program):
    said = guest.run(f"{BUILD}/tests/bpf/{program} 2>&1", check=False, timeout=240)
    assert re.search(r"\[  PASSED  \] \d+ tests", said) and "FAILED" not in said and "SKIPPED" not in said, said
