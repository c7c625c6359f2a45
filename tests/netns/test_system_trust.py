"""Nothing an unauthenticated packet says changes state; a counter tells.

    mn ──wlan0── ap ── core (attacker) ── ha ── lan ── ftp (victim)
     └─rmnet0── cell (NAT) ──┘
"""

import pytest
from harness import forge
from harness.capture import read_pcap
from harness.homeward import FTP_SERVER, HOME_ADDRESS, HOME_AGENT, HomewardSystem, MobileNode
from harness.process import wait_until

OTHER_KEY = "00" * 32
MARK = b"forged by the attacker"


@pytest.fixture(scope="module")
def system():
    with HomewardSystem("trust") as net:
        capture = net.mn_ns.capture("wlan0", "registration", "udp dst port 434 and udp[8] = 1")
        net.start()
        net.request = list(read_pcap(capture.stop()))[0][1][14:]
        yield net


def endpoints(system):
    return [(u["binding_id"], u["care_of"], u["port"]) for b in system.ha.admin.get("/v1/bindings")["bindings"] for u in b["uplinks"]]


def grown(system, before):
    after = system.ha.admin.drops()
    return {name: after[name] - before[name] for name in after if after[name] > before[name]}


def inner(source=HOME_ADDRESS, destination=FTP_SERVER, ttl=64, protocol=17, mark=MARK):
    return forge.ip(protocol, source, destination, forge.udp(1234, 4321, mark), ttl=ttl)


def wlan_port(system):
    return next(port for identifier, _, port in endpoints(system) if identifier == 1)


FORGED = {
    "another source address": (lambda p: forge.tunnelled("203.0.113.99", HOME_AGENT, p, 434, inner()), "decap.wrong_tuple"),
    "another source port": (lambda p: forge.tunnelled("10.1.1.2", HOME_AGENT, p ^ 1, 434, inner()), "decap.wrong_tuple"),
    "another inner source": (lambda p: forge.tunnelled("10.1.1.2", HOME_AGENT, p, 434, inner(source="158.132.10.99")), "decap."),
    "inner source of the victim": (lambda p: forge.tunnelled("10.1.1.2", HOME_AGENT, p, 434, inner(source=FTP_SERVER)), "decap."),
    "another next header": (lambda p: forge.tunnelled("10.1.1.2", HOME_AGENT, p, 434, inner(), next_header=47), "decap.next_header"),
    "a spent inner TTL": (lambda p: forge.tunnelled("10.1.1.2", HOME_AGENT, p, 434, inner(ttl=0)), "decap.ttl_zero"),
    "a cut inner packet": (lambda p: forge.tunnelled("10.1.1.2", HOME_AGENT, p, 434, inner()[:30]), "decap."),
    "a registration inside": (lambda p: forge.tunnelled("10.1.1.2", HOME_AGENT, p, 434, forge.ip(
        17, HOME_ADDRESS, HOME_AGENT, forge.udp(4000, 434, MARK))), "decap.registration_inside"),
    "a tunnel in the tunnel": (lambda p: forge.tunnelled("10.1.1.2", HOME_AGENT, p, 434, forge.ip(
        4, HOME_ADDRESS, FTP_SERVER, inner())), "decap.nested"),
    "loopback as inner destination": (lambda p: forge.tunnelled("10.1.1.2", HOME_AGENT, p, 434, inner(destination="127.0.0.1")),
                                      "decap.bad_destination"),
}


@pytest.mark.parametrize("attack", FORGED)
def test_a_forged_tunnel_packet_goes_nowhere_and_is_counted(system, attack):
    make, reason = FORGED[attack]
    packet, before, had = make(wlan_port(system)), system.ha.admin.drops(), endpoints(system)
    victim = system.ftp.capture("eth0", "victim", "ip")
    forge.send(system.core, [packet] * 5)
    wait_until(lambda: sum(count for name, count in grown(system, before).items() if name.startswith(reason)) >= 5,
               f"5 drops under {reason}*, have {grown(system, before)}")
    assert not any(MARK in frame for _, frame, _ in read_pcap(victim.stop()))
    assert endpoints(system) == had


def test_a_replayed_request_from_elsewhere_moves_no_binding(system):
    """The very bytes the node sent, from the attacker's address: at most a refusal."""
    had = endpoints(system)
    payload = system.request[28:]
    before = system.ha.admin.counters()["registration.requests"]
    forge.send(system.core, [forge.ip(17, "192.147.23.1", HOME_AGENT, forge.udp(7000 + n, 434, payload)) for n in range(3)])
    wait_until(lambda: system.ha.admin.counters()["registration.requests"] >= before + 3, "the home agent to have seen them")
    assert endpoints(system) == had
    assert system.mn_ns.ping(FTP_SERVER, count=2).returncode == 0


@pytest.mark.parametrize("position", [2, 8, 12, 24, -1])
def test_a_changed_request_is_dropped_and_counted(system, position):
    payload = bytearray(system.request[28:])
    payload[position] ^= 0x01
    had, before = endpoints(system), system.ha.admin.drops()
    forge.send(system.core, [forge.ip(17, "192.147.23.1", HOME_AGENT, forge.udp(7100, 434, bytes(payload)))])
    wait_until(lambda: any(name.startswith("registration.") for name in grown(system, before)), "a counted refusal")
    assert endpoints(system) == had


def test_junk_to_the_registration_port_is_counted_and_harms_nobody(system):
    before, had = system.ha.admin.drops(), endpoints(system)
    junk = [bytes([kind]) * length for kind in (0, 1, 2, 3, 255) for length in (1, 23, 24, 60, 1400)]
    forge.send(system.core, [forge.ip(17, "192.147.23.1", HOME_AGENT, forge.udp(7200, 434, data)) for data in junk])
    wait_until(lambda: sum(grown(system, before).values()) >= 20, "the junk to be counted")
    assert endpoints(system) == had
    assert system.mn_ns.ping(FTP_SERVER, count=2).returncode == 0


def test_a_wrong_key_gets_nothing(system):
    namespace = system.namespace("thief")
    system.attach(namespace, "wlan0", system.ap, "wlan9", "10.1.9", 2)
    system.attach(namespace, "rmnet0", system.cell, "radio9", "10.64.9", 2)
    thief = MobileNode(system, namespace, HOME_ADDRESS, "phone@example.org", key=OTHER_KEY)
    had, before = endpoints(system), system.ha.admin.drops()
    thief.start(wait=False)
    wait_until(lambda: grown(system, before).get("registration.wrong-authenticator", 0) >= 2, "wrong authenticators to be counted")
    assert not thief.bound()
    assert endpoints(system) == had
    log = thief.process.text() + system.ha.control.text()
    assert OTHER_KEY not in log and "9b6f1c0de24a" not in log
    thief.process.stop()
    assert system.mn_ns.ping(FTP_SERVER, count=2).returncode == 0


def test_a_forged_reply_changes_nothing_at_the_node(system):
    """Type 3 with an authenticator nobody computed, to the port of the node's tunnel."""
    had = system.mn.admin.uplinks()
    before = system.mn.admin.drops()
    reply = bytes([3, 0]) + (0).to_bytes(2, "big") + bytes(16) + bytes([32, 36]) + (256).to_bytes(4, "big") + bytes(32)
    forge.send(system.ap, [forge.ip(17, HOME_AGENT, "10.1.1.2", forge.udp(434, wlan_port(system), reply))] * 3)
    wait_until(lambda: sum(system.mn.admin.drops().values()) >= sum(before.values()) + 3, "three counted refusals")
    assert {name: u["state"] for name, u in system.mn.admin.uplinks().items()} == {name: u["state"] for name, u in had.items()}


def test_tunnel_data_from_a_stranger_never_reaches_the_nodes_applications(system):
    capture = system.mn_ns.capture("homeward0", "inside", "udp")
    stranger = forge.tunnelled("198.51.100.1", "10.1.1.2", 434, wlan_port(system), inner(FTP_SERVER, HOME_ADDRESS))
    forge.send(system.ap, [stranger] * 3)
    assert system.mn_ns.ping(FTP_SERVER, count=2).returncode == 0
    data = capture.stop().read_bytes()
    assert MARK not in data
