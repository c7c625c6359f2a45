"""The kill switch: what leaves the node outside the tunnel is looked for on the cables.

    client ──usb0── mn ──wlan0── ap ───────┐
                     │                     ├── core ── ha (DPDK)
                     └──rmnet0── cell ─────┘
"""

import json
import pathlib
import sys

import pytest
from harness.capture import read_pcap
from harness.homeward import FTP_SERVER, HOME_AGENT, HomewardSystem, unmet_needs
from harness.process import wait_until

pytestmark = pytest.mark.skipif(bool(unmet_needs()), reason=unmet_needs() or "-")

ESCAPE = pathlib.Path(__file__).with_name("escape.py")
ALLOWED = {"198.18.0.1": "plain", "198.18.0.2": "device", "198.18.0.3": "care-of", "198.18.0.4": "tcp", "198.18.0.5": "icmp",
           "10.1.1.1": "gateway", "224.0.0.251": "multicast", "203.0.113.77": "excluded", "192.147.23.11": "home-agent"}
HARMLESS = {"dhcp", "excluded"}  # meant to pass
LEAKS = {"device", "care-of", "tcp", "icmp", "gateway", "multicast", "mdns6", "home-agent"}  # without a kill switch, tunnel up


@pytest.fixture
def system():
    with HomewardSystem("kill") as net:
        for namespace, device in ((net.mn_ns, "wlan0"), (net.ap, "wlan")):
            namespace.run("sysctl", "-qw", f"net/ipv6/conf/{device}/disable_ipv6=0")
        net.mn_ns.ip("address", "add", "2001:db8:1::2/64", "dev", "wlan0", "nodad")
        net.ap.ip("address", "add", "2001:db8:1::1/64", "dev", "wlan", "nodad")
        net.mn_ns.ip("-6", "route", "add", "default", "via", "2001:db8:1::1")
        net.mn.config["routing"] = {"kill_switch": "on", "excluded": ["203.0.113.0/24"]}
        yield net


def way_of(frame):
    """Which of escape.py's ways a frame that left the node was; None: the tunnel's own."""
    if frame[12:14] == b"\x86\xdd":
        signalling = frame[20] in (0, 58)  # MLD behind a hop-by-hop header, ICMPv6
        return "mdns6" if frame[38] == 0xFF and not signalling else None if signalling else "ipv6"
    packet = frame[14:]
    destination = ".".join(map(str, packet[16:20]))
    ports = [int.from_bytes(packet[at:at + 2], "big") for at in (20, 22)]
    if packet[9] == 17 and destination == HOME_AGENT and ports[1] == 434:
        return None
    if packet[9] == 17 and ports == [68, 67]:
        return "dhcp"
    return ALLOWED.get(destination, destination)


def left(net, do):
    """The ways that were seen on either access network while `do` ran."""
    captures = {}
    for router, port, device in ((net.ap, "wlan", "wlan0"), (net.cell, "radio", "rmnet0")):
        mac = net.mn_ns.run("cat", f"/sys/class/net/{device}/address").stdout.strip()
        captures[device] = router.capture(port, expression=f"ether src {mac} and (ip or ip6)")
    do()
    seen = {way_of(frame) for capture in captures.values() for _, frame, _ in read_pcap(capture.stop())}
    return seen - {None}


def escape(net):
    done = net.mn_ns.run(sys.executable, str(ESCAPE), "10.1.1.2", "wlan0", "10.1.1.1")
    return json.loads(done.stdout)


def leaks(net):
    return left(net, lambda: escape(net)) - HARMLESS


def test_without_it_there_is_something_to_stop(system):
    system.mn.config["routing"]["kill_switch"] = "off"
    net = system.start()
    assert leaks(net) >= LEAKS
    net.mn.process.kill()
    assert "plain" in leaks(net), "without the tunnel everything leaves as it is"


def test_nothing_leaves_outside_the_tunnel(system):
    net = system.start()
    assert net.mn.admin.status()["kill_switch"] == "on"
    assert net.mn_ns.ping(FTP_SERVER).returncode == 0, "the tunnel carries"
    assert leaks(net) == set()
    assert left(net, lambda: escape(net)) == HARMLESS, "what is excluded passes, and so does the renewal of a lease"

    net.ha.dataplane.kill()
    assert leaks(net) == set(), "the tunnel is dead"

    net.mn.process.kill()
    wait_until(lambda: "homeward0" not in net.mn_ns.devices(), "the interface to go with the agent")
    said = escape(net)
    assert said["care-of"] != "no answer" and said["tcp"] in ("EHOSTUNREACH", "EACCES", "EPERM"), "refused at once"
    assert leaks(net) == set(), "the agent is dead"

    net.ha.start_dataplane()
    assert left(net, lambda: net.mn.start()) == set(), "the agent starts again"
    assert leaks(net) == set()
    assert net.mn_ns.ping(FTP_SERVER).returncode == 0


def test_a_tethered_clients_packets_do_not_pass_it_by(system):
    net = system
    client = net.namespace("client")
    net.veth(client, "usb0", net.mn_ns, "usb0")
    client.address("usb0", "10.5.5.2/24")
    net.mn_ns.address("usb0", "10.5.5.1/24")
    client.route("default", "via", "10.5.5.1")
    net.mn_ns.forward()
    send = [sys.executable, "-c", "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('198.18.0.1', 9))"]
    assert left(net, lambda: client.run(*send)) == {"plain"}, "the premise"
    net.start()
    assert left(net, lambda: client.run(*send)) == set()
    net.mn.process.kill()
    assert left(net, lambda: client.run(*send)) == set()


@pytest.mark.parametrize("kind, closed", [("on", False), ("always", True)])
def test_an_orderly_end(system, kind, closed):
    system.mn.config["routing"]["kill_switch"] = kind
    net = system.start()
    assert net.mn.process.stop() == 0
    assert ("plain" not in leaks(net)) == closed
    assert ("homeward" in net.mn_ns.run("nft", "list", "tables").stdout) == closed
    # Without the key, the next start opens.
    net.mn.config["routing"]["kill_switch"] = "off"
    net.mn.start()
    assert leaks(net) >= LEAKS
    assert ("removed the kill switch" in net.mn.process.text()) == closed


def test_what_a_killed_run_left_is_removed(system):
    before = system.mn_ns.run("nft", "list", "ruleset").stdout
    net = system.start()
    rules = net.mn_ns.run("nft", "list", "ruleset").stdout
    net.mn.process.kill()
    assert net.mn_ns.run("nft", "list", "ruleset").stdout == rules
    net.mn.start()
    assert net.mn_ns.run("nft", "list", "ruleset").stdout == rules
    assert net.mn.process.stop() == 0
    assert net.mn_ns.run("nft", "list", "ruleset").stdout == before


def test_ipv6_that_is_left_alone_passes(system):
    system.mn.config["tunnel"] = {"ipv6": "leave"}
    net = system.start()
    assert leaks(net) == {"ipv6", "mdns6"}
