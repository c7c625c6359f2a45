"""The node's slow path under bulk data: what the kernel leaves to the agent to cut, and the agent to the kernel.

    mn ──wlan0── ap ── core ── ha (DPDK) ── ftp

On the cables between mn and core the kernel may carry 64 KB in one piece; core's cable to the home agent has real
frames.
"""

import json
import struct
import sys

import pytest
from harness.capture import read_pcap
from harness.homeward import BULK_FLOW, BULK_PORT, FTP_SERVER, HOME_ADDRESS, HomewardSystem, unmet_needs
from harness.process import wait_until

pytestmark = pytest.mark.skipif(bool(unmet_needs()), reason=unmet_needs() or "-")

SIZE = 6_000_000


@pytest.fixture
def system():
    with HomewardSystem("offload") as net:
        net.mn.config["tunnel"] = {"fast_path": "off"}
        yield net


@pytest.fixture(params=[{"offload": True}, {"offload": False}, {"udp_checksum": "zero"}], ids=["offload", "none", "zero-checksum"])
def any_system(request, system):
    system.mn.config["tunnel"] |= request.param
    system.expected = "none" if request.param == {"offload": False} else "tcp, udp"
    return system


def word_sum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def check_frame(frame, length):
    """A frame on the home agent's cable that carries TCP in the tunnel: (from the node?, TCP payload)."""
    assert length <= 14 + 1500
    outer = frame[14:]
    assert word_sum(outer[:20]) == 0xFFFF
    inner = outer[32:int.from_bytes(outer[2:4], "big")]
    assert int.from_bytes(inner[2:4], "big") == len(inner)
    assert word_sum(inner[:20]) == 0xFFFF
    tcp = inner[20:]
    assert word_sum(inner[12:20] + struct.pack("!HH", 6, len(tcp)) + tcp) == 0xFFFF
    return inner[12:16] == bytes(map(int, HOME_ADDRESS.split("."))), len(tcp) - (tcp[12] >> 4) * 4


def largest(capture):
    """Of the packets from the node and to it on homeward0: (up, down)."""
    home = bytes(map(int, HOME_ADDRESS.split(".")))
    sizes = {True: 0, False: 0}
    for _, packet, length in read_pcap(capture.stop()):
        sizes[packet[12:16] == home] = max(sizes[packet[12:16] == home], length)
    return sizes[True], sizes[False]


def test_bulk_data_arrives_and_real_frames_are_right(any_system):
    net = any_system.start()
    assert net.mn.admin.status()["offload"] == net.expected
    cable = net.core.capture("ha", expression="udp port 434 and udp[8:1] = 4 and udp[21:1] = 6")
    inside = net.mn_ns.capture("homeward0", expression="tcp", snap=64)
    net.transfer(False, SIZE)
    net.transfer(True, SIZE)
    payload = {True: 0, False: 0}
    for _, frame, length in read_pcap(cable.stop()):
        up, size = check_frame(frame, length)
        payload[up] += size
    assert payload[True] >= SIZE and payload[False] >= SIZE
    up, down = largest(inside)
    if net.expected == "none":
        assert max(up, down) <= 1468
    else:
        assert up > 5000 and down > 2 * 1468, "the premise: the kernel and the agent exchange large packets"
    drops = net.mn.admin.drops()
    assert drops["up.bad_offload"] == drops["down.interface_refused"] == 0
    uplink = net.mn.admin.uplinks()["wlan"]
    assert uplink["tx_packets"] >= SIZE // 1428, "packets are counted as they travel"


def test_udp_that_the_kernel_was_asked_to_cut(any_system):
    net = any_system.start()
    net.mn_ns.ping(FTP_SERVER)  # neighbours are known from here on: the first packets of a burst may be dropped for them
    sink = net.ftp.start("collect", [sys.executable, BULK_FLOW, "collect", FTP_SERVER, BULK_PORT, 38])
    sink.wait_for_output("ready")
    sent = net.mn_ns.run(sys.executable, str(BULK_FLOW), "burst", HOME_ADDRESS, FTP_SERVER, BULK_PORT, 45_000, 1200).stdout.split()[-1]
    assert sink.wait() == 0, sink.text()
    answer = json.loads(sink.text().splitlines()[-1])
    assert answer == {"sizes": [1200] * 37 + [600], "digest": sent}


def test_a_path_that_shrinks_under_bulk_data(system):
    net = system.start()

    def shrink():
        wait_until(lambda: net.mn.admin.uplinks()["wlan"]["tx_packets"] > 500, "the flow to run")
        net.ap.ip("link", "set", "core", "mtu", "1300")
        net.core.ip("link", "set", "ap", "mtu", "1300")

    net.transfer(False, 60_000_000, shrink)
    wait_until(lambda: "mtu 1268" in net.mn_ns.ip("link", "show", "homeward0").stdout, "the MTU follows the path's")


def test_a_cut_under_bulk_data_loses_no_byte(system):
    net = system.start()

    def cut():
        wait_until(lambda: net.mn.admin.uplinks()["wlan"]["tx_packets"] > 500, "the flow to run")
        net.mn_ns.link_down("wlan0")

    net.transfer(False, 60_000_000, cut)
    assert net.mn.admin.uplinks()["cellular"]["tx_packets"] > 500
