"""A home agent made ready by bench/traffic/home_agent.py forwards every packet of the pcap files that
bench/traffic/write_pcap.py writes, to the right place and in the right form.

    generator 0 ──veth── access [homeward-dataplane] home ──veth── generator 1

What must come out is made by scapy from what goes in.
"""

import ctypes
import ipaddress
import os
import pathlib
import select
import socket
import time

import home_agent
import pytest
import tunnel_traffic as traffic
from harness.capture import read_pcap
from harness.build import binary
from harness.homeward import unmet_needs
from harness.netns import Topology
from harness.netns import unmet_needs as unmet_namespace_needs
from harness.process import run, wait_until
from harness.yaml import dump
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.mobileip import MobileIP, MobileIPTunnelData

WRITE_PCAP = pathlib.Path(home_agent.__file__).with_name("write_pcap.py")
NODES = 40
WINDOW = 128  # packets under way: less than any ring holds, so that none is lost
_libc = ctypes.CDLL(None, use_errno=True)
pytestmark = pytest.mark.skipif(bool(unmet_namespace_needs() or unmet_needs()),
                                reason=unmet_namespace_needs() or unmet_needs())


class Lab:
    def __init__(self, net):
        self.net = net
        self.ha = net.namespace("ha")
        self.ends = [Generator(net, self.ha, number) for number in (0, 1)]
        socket_path = net.directory / "dataplane.sock"
        self.config = net.directory / "ha.yaml"
        devices = [f"net_af_xdp{number},iface=v{number}" for number in (0, 1)]
        self.config.write_text(dump(home_agent.configuration(*devices, socket=socket_path, huge_pages="never")))
        self.process = self.ha.start("dataplane", [binary("homeward-dataplane"), "--config", self.config])
        self.process.wait_for_output("forwarding")
        for command in home_agent.kernel(*(end.mac for end in self.ends)):
            self.ha.run(*command.split())
        self.peer = home_agent.serve(socket_path, NODES, once=True)
        self.macs = [self.ha.run("cat", f"/sys/class/net/hw-{port}/address").stdout.strip() for port in ("access", "home")]
        wait_until(self.knows_the_way, "the data plane learning routes and neighbours from the kernel")

    def knows_the_way(self):
        counters = self.peer.counters()
        return counters["table.neighbours"] >= 2 and counters["table.routes"] >= 5

    def drops(self):
        return {name: count for name, count in self.peer.counters().items() if name.startswith("drop.") and count}


class Generator:
    """A far end: frames out, IPv4 frames in."""

    def __init__(self, net, ha, number):
        self.namespace = net.namespace(f"generator{number}")
        net.veth(ha, f"v{number}", self.namespace, "eth0")
        self.namespace.offloads_off("eth0")
        self.mac = self.namespace.run("cat", "/sys/class/net/eth0/address").stdout.strip()
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.namespace.full_name}", os.O_RDONLY)
        try:
            assert _libc.setns(there, 0) == 0
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            self.socket.bind(("eth0", 0x0800))
        finally:
            _libc.setns(here, 0)
            os.close(here)
            os.close(there)

    def receive(self, count, patience=10):
        """`count` frames, or fewer when no more come."""
        frames, deadline = [], time.monotonic() + patience
        while len(frames) < count and time.monotonic() < deadline:
            if select.select([self.socket], [], [], 0.5)[0]:
                frames.append(self.socket.recv(2048))
        return frames


@pytest.fixture(scope="module")
def lab():
    with Topology("traffic") as net:
        yield Lab(net)


def through(sender, receiver, frames):
    """What came out for each window of frames."""
    out = []
    for begin in range(0, len(frames), WINDOW):
        window = frames[begin:begin + WINDOW]
        for frame in window:
            sender.socket.send(frame)
        out += receiver.receive(len(window))
        assert len(out) == begin + len(window), f"{begin + len(window) - len(out)} of {len(window)} packets are missing"
    return out


def decapsulated(frame, lab):
    inner = Ether(frame)[MobileIPTunnelData].payload
    assert Ether(frame)[IP].dst == traffic.HOME_AGENT and isinstance(inner, IP)
    return on_the_way(inner, lab.macs[1], lab.ends[1].mac)


def encapsulated(frame, lab):
    inner = Ether(frame)[IP]
    node = traffic.address(inner.dst) - traffic.address(traffic.FIRST_HOME_ADDRESS)
    network, port = ((traffic.WLAN_NETWORK, traffic.WLAN_PORT), (traffic.CELLULAR_NETWORK, traffic.CELLULAR_PORT))[node % 2]
    care_of = traffic.address(network.split("/")[0], node)
    outer = IP(src=traffic.HOME_AGENT, dst=str(ipaddress.IPv4Address(care_of)), ttl=65, flags="DF", id=0)
    inner.ttl -= 1
    del inner.chksum
    tunnel = UDP(sport=434, dport=port) / MobileIP(type=4) / MobileIPTunnelData(nexthdr=4)
    return on_the_way(outer / tunnel / inner, lab.macs[0], lab.ends[0].mac)


def on_the_way(packet, source, destination):
    """A packet that is forwarded: one hop less to live."""
    packet.ttl -= 1
    del packet.chksum
    return bytes(Ether(src=source, dst=destination) / packet)


def without_identification(frame):
    """Of an atomic packet any will do (RFC 6864), and the checksum with it: 0 if it was right."""
    right = IP(frame[14:]).chksum == IP(bytes(_recomputed(frame))).chksum
    return frame[:18] + b"\0\0" + frame[20:24] + (b"\0\0" if right else b"\xff\xff") + frame[26:]


def _recomputed(frame):
    packet = IP(frame[14:])
    del packet.chksum
    return packet


@pytest.mark.parametrize("direction, options", [
    ("uplink", ["--mix", "imix"]),
    ("uplink", ["--mix", "64", "--outer-checksum"]),
    ("uplink", ["--mix", "1468", "--outer-checksum"]),
    ("uplink", ["--mix", "28"]),
    ("downlink", ["--mix", "imix"]),
    ("downlink", ["--mix", "1468"]),
])
def test_every_packet_is_forwarded(lab, direction, options):
    here, there, port, expect = ((0, 1, 0, decapsulated) if direction == "uplink" else (1, 0, 1, encapsulated))
    path = lab.net.directory / "traffic.pcap"
    run([WRITE_PCAP, direction, path, "--nodes", NODES, "--to", lab.macs[port], "--source", lab.ends[here].mac, *options])
    frames = [frame for _, frame, _ in read_pcap(path)]
    assert len(frames) >= NODES
    before = lab.peer.counters()
    out = through(lab.ends[here], lab.ends[there], frames)
    for frame, got in zip(frames, out):
        wanted = expect(frame, lab)
        assert without_identification(got) == without_identification(wanted), (Ether(frame), Ether(got), Ether(wanted))
    after = lab.peer.counters()
    counter = f"pipeline.{direction}_packets"
    assert after[counter] - before[counter] == len(frames)
    assert lab.drops() == {}
