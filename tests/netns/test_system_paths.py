"""Both uplinks at once, by policy, in both directions; and everything that may sit on a path.

    mn ──wlan0── ap ──────────┐                        ┌── ftp    .177
     │                        ├── core ── ha ── lan ───┤
     ├──rmnet0── cell (NAT) ──┘                        └── video  .178, prefers cellular
    mn2 ── the same access networks, subnets of its own
"""

import re
import struct

import pytest
from harness.homeward import FTP_SERVER, HOME_ADDRESS, HOME_AGENT, HOME_GATEWAY, VIDEO_SERVER, HomewardSystem, MobileNode
from harness.flow import UdpFlow
from harness.process import wait_until
from harness.traffic import at_the_node

SECOND_ADDRESS = "158.132.10.13"


@pytest.fixture(scope="module")
def system():
    with HomewardSystem("paths") as net:
        add_second_node(net)
        net.ha.admit(net.mn)
        net.ha.admit(net.mn2)
        net.start()
        net.mn2.start()
        net.mn.wait_synchronised()
        yield net


def add_second_node(net):
    namespace = net.namespace("mn2")
    net.attach(namespace, "wlan0", net.ap, "wlan2", "10.1.2", 2)
    net.attach(namespace, "rmnet0", net.cell, "radio2", "10.64.2", 2)
    net.mn2 = MobileNode(net, namespace, SECOND_ADDRESS, "tablet@example.org")


class Watch:
    """Captures at both uplinks of a node for as long as the block runs."""

    def __init__(self, node):
        self._namespace = node.namespace

    def __enter__(self):
        name = self._namespace.name
        self._captures = {uplink: self._namespace.capture(device, f"{name}-{uplink}", "udp port 434")
                          for uplink, device in (("wlan", "wlan0"), ("cellular", "rmnet0"))}
        return self

    def __exit__(self, *_):
        paths = {uplink: capture.stop() for uplink, capture in self._captures.items()}
        self.packets = list(at_the_node(paths))

    def uplinks(self, correspondent, down):
        return {packet.uplink for packet in self.packets
                if packet.down == down and correspondent in (packet.source, packet.destination)}


@pytest.mark.parametrize("server, uplink", [(VIDEO_SERVER, "cellular"), (FTP_SERVER, "wlan"), (HOME_GATEWAY, "wlan")])
def test_each_correspondent_has_its_uplink_in_both_directions(system, server, uplink):
    with Watch(system.mn) as watch:
        assert system.mn_ns.ping(server, count=5).returncode == 0
    assert watch.uplinks(server, down=False) == {uplink}
    assert watch.uplinks(server, down=True) == {uplink}


def test_both_uplinks_carry_at_the_same_time(system):
    flows = [UdpFlow(system.ftp, system.mn_ns, HOME_ADDRESS, 6001), UdpFlow(system.video, system.mn_ns, HOME_ADDRESS, 6002),
             UdpFlow(system.mn_ns, system.ftp, FTP_SERVER, 6003), UdpFlow(system.mn_ns, system.video, VIDEO_SERVER, 6004)]
    before = system.mn.admin.uplinks()
    wait_until(lambda: all(flow.arrived() >= 200 for flow in flows), "200 datagrams of each flow")
    after = system.mn.admin.uplinks()
    for flow in flows:
        assert flow.stop()["missing"] == []
    for uplink in ("wlan", "cellular"):
        for counter in ("tx_packets", "rx_packets"):
            assert after[uplink][counter] - before[uplink][counter] >= 150, (uplink, counter)


def test_the_cellular_network_translates_addresses(system):
    uplinks = {u["label"]: u for u in bindings(system)[HOME_ADDRESS]["uplinks"]}
    assert (uplinks[1]["nat"], uplinks[1]["care_of"]) == (False, "10.1.1.2")
    assert (uplinks[2]["nat"], uplinks[2]["care_of"], uplinks[2]["registered_care_of"]) == (True, "203.0.113.2", "10.64.0.2")


def bindings(system):
    return {b["home_address"]: b for b in system.ha.admin.get("/v1/bindings")["bindings"]}


@pytest.mark.parametrize("first, second", [("mn", "mn2"), ("mn2", "mn")])
def test_two_nodes_reach_each_other_through_the_home_agent(system, first, second):
    source, target = getattr(system, first), getattr(system, second)
    assert source.namespace.ping(target.home_address, count=3).returncode == 0
    flow = UdpFlow(source.namespace, target.namespace, target.home_address, 6010)
    wait_until(lambda: flow.arrived() >= 100, "100 datagrams from node to node")
    assert flow.stop()["missing"] == []


@pytest.mark.parametrize("address", [HOME_AGENT, HOME_GATEWAY])
def test_the_home_agents_own_services_are_reached_through_the_tunnel(system, address):
    server = system.ha_ns.serve_files(system.ha.directory, 8000, address)
    with Watch(system.mn) as watch:
        page = system.mn_ns.run("curl", "-s", "--max-time", "10", f"http://{address}:8000/")
    server.stop()
    assert "ha.yaml" in page.stdout
    assert watch.uplinks(address, down=False) == {"wlan"}
    assert watch.uplinks(address, down=True) == {"wlan"}


def test_too_long_and_not_to_be_fragmented_is_answered_with_the_tunnels_mtu(system):
    answer = system.ftp.ping(HOME_ADDRESS, "-M", "do", "-s", "1472")
    assert answer.returncode != 0
    assert "mtu = 1468" in answer.stdout + answer.stderr
    assert f"From {HOME_AGENT}" in answer.stdout + answer.stderr
    system.ftp.ip("route", "flush", "cache")
    answer = system.mn_ns.ping(FTP_SERVER, "-M", "do", "-s", "1472")
    assert answer.returncode != 0 and "mtu=1468" in answer.stdout + answer.stderr


@pytest.mark.parametrize("size", [1440, 1441, 1472, 3000])
@pytest.mark.parametrize("way", ["up", "down"])
def test_what_may_be_fragmented_arrives(system, way, size):
    source, target = (system.mn_ns, FTP_SERVER) if way == "up" else (system.ftp, HOME_ADDRESS)
    source.ip("route", "flush", "cache")
    assert source.ping(target, "-M", "dont", "-s", str(size), count=2).returncode == 0


def mss_options(packets, down):
    """MSS of the SYNs in one direction."""
    found = []
    for packet in packets:
        tcp = packet.header_length
        if packet.protocol == 6 and packet.down == down and packet.data[tcp + 13] & 2:
            options = packet.data[tcp + 20:tcp + (packet.data[tcp + 12] >> 4) * 4]
            found += [struct.unpack("!H", options[i + 2:i + 4])[0] for i in range(len(options) - 3) if options[i:i + 2] == b"\x02\x04"]
    return found


def test_tcp_segments_fit_the_tunnel_in_both_directions(system):
    system.ftp.serve_files(system.directory, 8001)
    with Watch(system.mn) as watch:
        system.mn_ns.run("curl", "-s", "--max-time", "10", "-o", "/dev/null", f"http://{FTP_SERVER}:8001/")
    up, down = mss_options(watch.packets, down=False), mss_options(watch.packets, down=True)
    assert up and down
    assert max(up) <= 1428 and max(down) <= 1428


def test_tcp_carries_bulk_through_the_tunnel(system, tmp_path):
    source = system.directory / "bulk"
    source.write_bytes(bytes(range(256)) * 80_000)
    for server, address in ((system.ftp, FTP_SERVER), (system.video, VIDEO_SERVER)):
        server.serve_files(system.directory, 8002)
        target = tmp_path / address
        system.mn_ns.run("curl", "-s", "--max-time", "60", "-o", target, f"http://{address}:8002/bulk", timeout=70)
        assert target.read_bytes() == source.read_bytes()


def test_traceroute_sees_the_home_agent_as_one_hop(system):
    """TTL is spent by forwarding only, never by the tunnel (RFC 2003)."""
    answer = system.mn_ns.ping(FTP_SERVER, "-t", "1")
    text = answer.stdout + answer.stderr
    assert re.search(r"From \S+ .*Time to live exceeded", text), text
    assert system.mn_ns.ping(FTP_SERVER, "-t", "2").returncode == 0


@pytest.mark.parametrize("same_subnet, rp_filter", [(True, 0), (False, 1), (True, 1)])
def test_the_same_subnet_on_both_uplinks_and_strict_rp_filter(same_subnet, rp_filter):
    with HomewardSystem("subnet", same_subnet=same_subnet) as net:
        net.mn_ns.rp_filter(rp_filter)
        net.start()
        net.mn.wait_synchronised()
        with Watch(net.mn) as watch:
            for server in (VIDEO_SERVER, FTP_SERVER):
                assert net.mn_ns.ping(server, count=3).returncode == 0
        for server, uplink in ((VIDEO_SERVER, "cellular"), (FTP_SERVER, "wlan")):
            assert watch.uplinks(server, down=False) == watch.uplinks(server, down=True) == {uplink}
