"""What bench-veth measures with: its judgement of captures, its count of small packets, its tunnel end."""

import json
import os
import pathlib
import sys

import pytest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
sys.path[:0] = [str(BENCH / "veth"), str(BENCH / "mn")]

import contestants  # noqa: E402
import load  # noqa: E402
import others  # noqa: E402
import pairs  # noqa: E402
import proof  # noqa: E402
import ratios  # noqa: E402
from dataplanes import Homeward  # noqa: E402
from harness import forge  # noqa: E402
from harness.netns import Topology  # noqa: E402
from harness.process import run, wait_until  # noqa: E402
from path import AGENT, CARE_OF, HOME, HOST, NODE_PORT  # noqa: E402
from peers import Router  # noqa: E402

INNER = forge.ip(6, HOST, HOME, bytes(100))
TUNNELLED = forge.tunnelled(AGENT, CARE_OF, 434, NODE_PORT, INNER)


def frame(packet, length=None):
    """As a capture tells it: the first 64 bytes, and how long it was."""
    whole = bytes(12) + b"\x08\x00" + packet
    return whole[:64], length or len(whole)


@pytest.mark.parametrize("access, home, tunnel_port, real_frames, told", [
    ([TUNNELLED], [INNER], 434, True, []),
    ([INNER], [INNER], None, True, []),
    ([TUNNELLED, INNER], [INNER], 434, True, ["1 of 2 packets on the access cable are outside the tunnel"]),
    ([TUNNELLED], [INNER], 4789, True, ["1 of 1 packets on the access cable are outside the tunnel"]),
    ([forge.ip(17, AGENT, CARE_OF, b"\x01")], [INNER], 434, True,
     ["1 of 1 packets on the access cable are outside the tunnel"]),
    ([], [INNER], 434, True, ["0 packets on the access cable, 1 on the home cable"]),
    ([TUNNELLED], [], 434, True, ["1 packets on the access cable, 0 on the home cable"]),
])
def test_captures_are_judged(access, home, tunnel_port, real_frames, told):
    assert proof.complaints(list(map(frame, access)), list(map(frame, home)), tunnel_port, real_frames) == told


@pytest.mark.parametrize("length, real_frames, fine", [(1514, True, True), (1515, True, False), (65000, False, True)])
def test_no_real_frame_is_larger_than_ethernets(length, real_frames, fine):
    for access, home in (([frame(TUNNELLED, length)], [frame(INNER)]), ([frame(TUNNELLED)], [frame(INNER, length)])):
        assert (proof.complaints(access, home, 434, real_frames) == []) == fine


def test_ratios_are_taken_round_by_round():
    assert ratios.ratio([4, 1], [2, 2]) == [2, 0.5]
    with pytest.raises(ValueError):
        ratios.ratio([1], [1, 2])


@pytest.mark.parametrize("name, figures", [("veth", ratios.RATIOS), ("mn", pairs.ratios())])
def test_every_floor_has_a_figure(name, figures):
    floors = json.loads((BENCH / "floors" / f"{name}.json").read_text())
    assert floors and {floor["name"] for floor in floors} <= {f"{name}.{figure}" for figure in figures}


def test_a_process_is_read_whatever_its_name():
    parent, seconds = others.parse_stat("7 (a) b (c)) S 4 7 7 0 -1 0 0 0 0 0 100 20 3 4 20 0 1 0 5 0 0")
    assert parent == 4 and seconds * others.TICKS == 127


@pytest.mark.parametrize("processes, seconds", [
    ({10: (1, 5.0)}, 0),  # ourselves
    ({10: (1, 5.0), 11: (10, 1.0), 12: (11, 2.0)}, 0),  # our child and its child
    ({10: (1, 5.0), 12: (9, 2.0), 9: (1, 1.0)}, 3),
    ({10: (1, 5.0), 2: (0, 4.0), 20: (2, 8.0)}, 0),  # kernel threads
    ({10: (1, 5.0), 1: (0, 4.0)}, 4),
])
def test_what_others_took_is_told_from_ours(processes, seconds):
    assert others.seconds_of_others(processes, 10) == seconds


def test_a_busy_stranger_is_seen():
    """Its parent ends at once, and it after some seconds of work."""
    orphan = int(run(["sh", "-c", "(ulimit -t 5; exec sh -c 'while :; do :; done') >/dev/null 2>&1 & echo $!"]).stdout)
    wait_until(lambda: others.read_processes().get(orphan, (0, 0))[1] > 0, "work of the orphan")
    table = others.read_processes()
    assert others.seconds_of_others({pid: table[pid] for pid in (orphan, os.getpid())}, os.getpid()) > 0


@pytest.fixture(scope="module")
def net():
    with Topology("bv") as topology:
        yield topology


@pytest.fixture(scope="module")
def router(net):
    contestant = Router("router")
    contestant.start(net)
    return contestant


def received(namespace, device):
    return int(namespace.run("cat", f"/sys/class/net/{device}/statistics/rx_packets").stdout)


@pytest.mark.parametrize("down", [True, False])
def test_small_packets_are_counted_as_the_devices_count(router, down):
    end = router.path.node if down else router.path.host
    before = received(end, "eth0")
    counted = load.small_packets(router.path, down)
    others = 20  # ARP
    assert counted["packets_per_s"] > 0 and counted["sent"] > 1000
    assert 0 <= received(end, "eth0") - before - (counted["sent"] - counted["lost"]) <= others


def test_lost_packets_are_told_and_the_window_opens_again(router):
    router.path.ha.nft("table ip loss { chain forward { type filter hook forward priority 0; udp dport 7000 drop\n}\n}")
    counted = load.small_packets(router.path, True)
    router.path.ha.nft("delete table ip loss")
    assert counted["packets_per_s"] == 0
    assert counted["lost"] == counted["sent"] > 400


def test_the_tunnel_end_speaks_the_home_agents_tunnel(net):
    homeward = Homeward("homeward")
    homeward.start(net)
    with homeward.turn():
        for down, event in ((True, "pipeline.downlink_packets"), (False, "pipeline.uplink_packets")):
            before = homeward.control.counters()[event]
            counted = load.small_packets(homeward.path, down)
            assert counted["packets_per_s"] > 0
            assert homeward.control.counters()[event] - before >= counted["sent"] - counted["lost"]


def test_packets_of_trains_are_stripped_and_counted(net):
    """The node's user space sends them in trains; behind the kernel's cut most of each is not in the first bytes."""
    node = contestants.Homeward("slow", fast_path="off")
    try:
        node.start(net)
        with node.turn():
            counted = load.small_packets(node.path, False)
        assert counted["packets_per_s"] > 0 and counted["lost"] < counted["sent"] / 2
    finally:
        node.close()
