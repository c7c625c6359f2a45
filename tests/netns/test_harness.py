"""The harness itself: what a topology makes, it takes away again.

    a ──eth0────eth0── b
"""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import pytest
from harness.capture import read_pcap
from harness.flow import UdpFlow
from harness.netns import Topology, remove_leftovers
from harness.process import HarnessError, Timeout, run, wait_until


def namespaces_of(pid):
    listing = run(["ip", "netns", "list"]).stdout.splitlines()
    return [line.split()[0] for line in listing if line.startswith(f"hw-{pid}-")]


def pair(net):
    a, b = net.namespace("a"), net.namespace("b")
    net.veth(a, "eth0", b, "eth0")
    a.address("eth0", "10.0.0.1/24")
    b.address("eth0", "10.0.0.2/24")
    return a, b


def test_everything_is_gone_afterwards():
    with Topology("gone") as net:
        a, _ = pair(net)
        process = a.start("sleep", ["sleep", "1000"])
        directory = net.directory
        assert len(namespaces_of(os.getpid())) == 2
    assert namespaces_of(os.getpid()) == []
    assert not process.running()
    assert not directory.exists()


def test_capture_has_every_packet_between_start_and_stop():
    with Topology("capture") as net:
        a, b = pair(net)
        capture = b.capture("eth0", expression="icmp")
        assert a.ping("10.0.0.2", count=5).returncode == 0
        frames = list(read_pcap(capture.stop()))
    assert len(frames) == 10
    assert all(length == 98 for _, _, length in frames)


def test_capture_ends_though_packets_came_before_its_filter():
    """They arrived at its socket, and the filter keeps them from the file."""
    with Topology("early") as net:
        a, b = pair(net)
        flow = UdpFlow(a, b, "10.0.0.2", rate=20000, size=64)
        for number in range(8):
            assert list(read_pcap(b.capture("eth0", name=f"icmp-{number}", expression="icmp").stop())) == []
        flow.sender.stop()


def test_shaping_limits_one_direction():
    with Topology("shape") as net:
        a, b = pair(net)
        a.shape("eth0", 2_000_000, queue_ms=1000)
        capture = b.capture("eth0", expression="udp", snap=64)
        b.start("sink", ["python3", "-c", "import socket,time\ns=socket.socket(2,2)\ns.bind(('',9))\ntime.sleep(60)"])
        a.run("python3", "-c", textwrap.dedent("""
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            for _ in range(160): s.sendto(bytes(1458), ("10.0.0.2", 9))
        """))
        wait_until(lambda: sum(1 for _ in read_pcap(capture.path)) == 160, "160 datagrams behind the shaper")
        frames = list(read_pcap(capture.stop()))
    seconds = frames[-1][0] - frames[0][0]
    rate = sum(length for _, _, length in frames[3:]) * 8 / seconds
    assert rate == pytest.approx(2_000_000, rel=0.03)


def test_nat_hides_the_source():
    with Topology("nat") as net:
        a, b = pair(net)
        a.ip("address", "add", "10.9.9.9/32", "dev", "lo")
        a.masquerade("eth0")
        capture = b.capture("eth0", expression="icmp")
        a.ping("10.0.0.2", "-I", "10.9.9.9")
        frames = list(read_pcap(capture.stop()))
    assert frames and frames[0][1][26:30] == bytes([10, 0, 0, 1])


def test_a_process_that_dies_early_says_why():
    with Topology("early") as net:
        process = net.namespace("a").start("shell", ["sh", "-c", "echo no such device; exit 1"])
        with pytest.raises(HarnessError, match="no such device"):
            process.wait_ready(lambda: False, "opening its socket")


def test_a_wait_is_bounded_and_says_for_what():
    with pytest.raises(Timeout, match="the moon"):
        wait_until(lambda: False, "the moon", timeout=0.05)


SLEEPER = """
import sys, time
sys.path.insert(0, {tests!r})
from harness.netns import Topology
with Topology("sleeper") as net:
    a = net.namespace("a")
    child = a.start("child", ["sleep", "1000"])
    print(child.pid, flush=True)
    time.sleep(1000)
"""


def start_sleeper():
    tests = str(pathlib.Path(__file__).resolve().parents[1])
    sleeper = subprocess.Popen([sys.executable, "-c", SLEEPER.format(tests=tests)], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    return sleeper, int(sleeper.stdout.readline())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_harness_cleans_up(number):
    sleeper, child = start_sleeper()
    assert namespaces_of(sleeper.pid)
    sleeper.send_signal(number)
    assert sleeper.wait(20) != 0
    assert namespaces_of(sleeper.pid) == []
    assert not pathlib.Path(f"/proc/{child}").exists()


def test_leftovers_of_a_killed_harness_are_removed():
    sleeper, child = start_sleeper()
    sleeper.kill()
    sleeper.wait(20)
    wait_until(lambda: not pathlib.Path(f"/proc/{child}").exists(), "the child to die with its harness")
    assert namespaces_of(sleeper.pid)
    remove_leftovers()
    assert namespaces_of(sleeper.pid) == []
