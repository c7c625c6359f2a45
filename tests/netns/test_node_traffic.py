"""The node with a real home agent, packets flowing: handovers, reverse-path filter, NAT, MTU, policy reload.

    mn ──wlan0── ap ───────┐
     │                     ├── core ── ha (DPDK) ── ftp, video
     └──rmnet0── cell(NAT)─┘
"""

import json
import pathlib
import re
import sys
import time

import pytest
from harness.capture import read_pcap
from harness.build import binary
from harness.homeward import FTP_SERVER, VIDEO_SERVER, HomewardSystem, unmet_needs
from harness.process import wait_until
from harness.yaml import dump

pytestmark = pytest.mark.skipif(bool(unmet_needs()), reason=unmet_needs() or "-")

FLOW = pathlib.Path(__file__).with_name("echo_flow.py")
PORT = 7000


class Flow:
    """A numbered flow from the node to a server and back, every 5 ms."""

    serial = 0

    def __init__(self, system, seconds, server=FTP_SERVER):
        Flow.serial += 1
        self.process = system.mn_ns.start(f"flow{Flow.serial}", [sys.executable, FLOW, "run", server, PORT, seconds, 5])
        self.process.wait_for_output("ready")

    def result(self):
        assert self.process.wait() == 0, self.process.text()
        return json.loads(self.process.text().splitlines()[-1])


def serve(namespace, address):
    namespace.start("echo", [sys.executable, FLOW, "serve", address, PORT]).wait_for_output("ready")


@pytest.fixture(params=[False, True], ids=["two-subnets", "one-subnet"])
def any_system(request):
    with HomewardSystem("flow", same_subnet=request.param) as net:
        net.mn_ns.rp_filter(1)
        yield net


@pytest.fixture
def system():
    with HomewardSystem("flow") as net:
        net.mn_ns.rp_filter(1)
        yield net


def started(net):
    net.start()
    serve(net.ftp, FTP_SERVER)
    serve(net.video, VIDEO_SERVER)
    return net


def sent(net):
    return {name: uplink["tx_packets"] for name, uplink in net.mn.admin.uplinks().items()}


def test_policy_chooses_the_uplink_under_strict_reverse_path_filter(any_system):
    net = started(any_system)
    for server, carrier, other in ((FTP_SERVER, "wlan", "cellular"), (VIDEO_SERVER, "cellular", "wlan")):
        before = sent(net)
        assert Flow(net, 1, server).result()["missing"] == []
        # An answer may be there before what sent the last packet has counted it.
        wait_until(lambda name=carrier, base=before: sent(net)[name] - base[name] >= 200, f"{carrier} having sent the flow")
        assert sent(net)[other] - before[other] < 10
    assert net.mn.admin.status()["steering"] == "bpf"
    assert net.mn.admin.counters()["bpf.steering_packets"] >= 400


def test_planned_moves_lose_nothing(any_system):
    net = started(any_system)
    for _ in range(2):
        flow = Flow(net, 3)
        time.sleep(0.5)
        net.mn.uplink("wlan", "drain")
        wait_until(lambda: net.mn.admin.uplinks()["wlan"]["state"] == "down", "wlan is drained")
        net.mn.uplink("wlan", "up")
        net.mn.wait_bound()
        assert flow.result()["missing"] == []


@pytest.mark.parametrize("end", ["far", "near"])
def test_a_cut_moves_both_directions(system, end):
    net = started(system)
    flow = Flow(net, 2)
    time.sleep(0.5)
    if end == "far":
        net.ap.link_down("wlan")
    else:
        net.mn_ns.link_down("wlan0")
    wait_until(lambda: net.mn.admin.uplinks()["wlan"]["state"] == "down", "the loss is seen")
    wait_until(lambda: len(net.ha.admin.get("/v1/bindings")["bindings"][0]["uplinks"]) == 1, "the home agent to know")
    # What was in the air is lost; how much that is depends on the machine. Everything that is sent from here on arrives.
    moved = Flow(net, 1, VIDEO_SERVER)
    assert moved.result()["missing"] == []
    result = flow.result()
    assert not result["missing"] or result["missing"][-1] - result["missing"][0] < result["sent"] - result["received"] + 5
    assert net.mn.admin.uplinks()["cellular"]["usable"]
    assert "wlan is lost: no link" in net.mn.process.text()


def test_the_uplink_returns_after_hold_down(system):
    system.mn.config["handover"] = {"hold_down": "1s"}
    net = started(system)
    net.ap.link_down("wlan")
    wait_until(lambda: net.mn.admin.uplinks()["wlan"]["state"] == "down", "the loss is seen")
    net.ap.link_up("wlan")
    wait_until(lambda: net.mn.admin.uplinks()["wlan"]["state"] == "hold-down", "it waits")
    flow = Flow(net, 2)
    net.mn.wait_bound("wlan")
    assert flow.result()["missing"] == []
    before = sent(net)
    assert Flow(net, 1).result()["missing"] == []
    assert sent(net)["wlan"] - before["wlan"] >= 200


def test_loss_of_an_address_is_a_loss(system):
    net = started(system)
    net.mn_ns.ip("address", "flush", "dev", "wlan0")
    wait_until(lambda: net.mn.admin.uplinks()["wlan"]["reason"] == "no IPv4 address", "the loss is seen")
    assert Flow(net, 1).result()["missing"] == []


def test_a_renewed_lease_loses_nothing(system):
    net = started(system)
    flow = Flow(net, 1)
    for lifetime in ("600", "700"):
        net.mn_ns.ip("address", "change", "10.1.1.2/24", "dev", "wlan0", "valid_lft", lifetime, "preferred_lft", lifetime)
        net.mn_ns.ip("route", "replace", "default", "via", "10.1.1.1", "dev", "wlan0", "metric", "101")
    assert flow.result()["missing"] == []
    assert net.mn.admin.counters()["registration.requests_sent"] <= 4


def test_user_space_classification_carries_the_same(system):
    net = system
    net.ha.admit(net.mn)
    net.ha.start()
    serve(net.ftp, FTP_SERVER)
    serve(net.video, VIDEO_SERVER)
    net.mn.config_file.write_text(dump(net.mn.config))
    net.mn.process = net.mn_ns.start("homeward-mn", [
        "setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin", binary("homeward-mn"), "--config",
        net.mn.config_file])
    net.mn.process.wait_ready(lambda: net.mn.bound(), "registering")
    assert net.mn.admin.status()["steering"] == "user-space"
    before = sent(net)
    assert Flow(net, 1, VIDEO_SERVER).result()["missing"] == []
    assert sent(net)["cellular"] - before["cellular"] >= 200
    flow = Flow(net, 2)
    time.sleep(0.3)
    net.mn.uplink("wlan", "drain")
    assert flow.result()["missing"] == []


LISTEN = """
import socket, sys
server = socket.create_server((sys.argv[1], 8080))
print("ready", flush=True)
while True:
    server.accept()
"""


def test_mss_is_clamped_both_ways(system):
    net = started(system)
    net.mn_ns.ip("link", "set", "rmnet0", "mtu", "1400")
    wait_until(lambda: "mtu 1368" in net.mn_ns.ip("link", "show", "homeward0").stdout, "the narrow uplink counts")
    capture = net.video.capture("eth0", expression=f"tcp and src host {net.mn.home_address}")
    inner = net.mn_ns.capture("homeward0", expression="tcp")
    net.video.start("listen", [sys.executable, "-c", LISTEN, VIDEO_SERVER]).wait_for_output("ready")
    net.mn_ns.run(sys.executable, "-c", "import socket,sys; socket.create_connection((sys.argv[1], 8080), 10)", VIDEO_SERVER)
    capture.stop()
    inner.stop()
    for one in (capture, inner):
        values = [int.from_bytes(match.group(1), "big")
                  for _, frame, _ in read_pcap(one.path) for match in [re.search(rb"\x02\x04(..)\x04\x02", frame, re.S)] if match]
        assert values, "no SYN was captured"
        assert max(values) <= 1368 - 40


def test_the_interface_follows_a_path_that_shrinks(system):
    net = started(system)
    net.ap.ip("link", "set", "core", "mtu", "1300")
    net.core.ip("link", "set", "ap", "mtu", "1300")
    net.mn_ns.ping(FTP_SERVER, "-s", "1400", "-M", "do", count=3)
    wait_until(lambda: "mtu 1268" in net.mn_ns.ip("link", "show", "homeward0").stdout, "the MTU follows the path's")
    assert net.mn_ns.ping(FTP_SERVER, "-s", "1200", "-M", "do").returncode == 0
    wait_until(lambda: net.mn_ns.ping(FTP_SERVER, "-s", "4000").returncode == 0, "fragments of the inner packet arrive")


def test_a_reload_of_100000_rules_loses_nothing(system):
    net = started(system)
    lines = ["default: [wlan, cellular]", "rules:"]
    lines += [f"  - {{correspondent: 11.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}/32, prefer: [cellular]}}"
              for i in range(100_000)]
    net.mn.write_policy("\n".join(lines) + "\n")
    flow = Flow(net, 6)
    time.sleep(0.3)
    assert net.mn.reload()["applied"]
    policy = net.mn.admin.get("/v1/policy")
    assert policy["total_rules"] == 100_000
    assert flow.result()["missing"] == []
    timing = json.loads(re.findall(r"with 100000 rules is in force (\{.*\})", net.mn.process.text())[-1])
    print("reload of 100,000 rules:", timing)
    assert net.mn.admin.get("/v1/route?to=11.1.0.5")["uplinks"] == ["cellular", "wlan"]


FORGE = """
import sys
from scapy.all import Ether, IP, UDP, Raw, sendp
mac, port, home, agent = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
good = IP(src="198.18.0.1", dst=home) / UDP(sport=1, dport=9) / Raw(b"forged")
wrong = bytearray(bytes(good)); wrong[8] ^= 1
payloads = {
    "down.not_tunnel_data": b"\\x04\\x2f\\0\\0" + bytes(good),
    "down.inner_malformed": b"\\x04\\x04\\0\\0" + bytes(good)[:-4],
    "down.inner_checksum": b"\\x04\\x04\\0\\0" + bytes(wrong),
    "down.inner_destination": b"\\x04\\x04\\0\\0" + bytes(IP(src="198.18.0.1", dst="158.132.10.13") / UDP() / Raw(b"x")),
    "registration.unframed": b"\\x03\\0\\0",
}
for payload in payloads.values():
    for source in (agent, "10.1.1.1"):
        for sport in ((434, 435) if source == agent else (434,)):
            sendp(Ether(dst=mac) / IP(src=source, dst="10.1.1.2") / UDP(sport=sport, dport=port) / Raw(payload),
                  iface="wlan", verbose=False)
print(" ".join(payloads))
"""


def test_forged_packets_are_counted_by_reason_and_only_the_home_agents_tuple_is_looked_at(system):
    net = started(system)
    mac = net.mn_ns.run("cat", "/sys/class/net/wlan0/address").stdout.strip()
    port = net.mn.admin.uplinks()["wlan"]["port"]
    reasons = net.ap.run("/usr/bin/python3", "-c", FORGE, mac, port, net.mn.home_address, "192.147.23.11").stdout.split()
    wait_until(lambda: net.mn.admin.drops()[reasons[-1]] >= 1, "the forged packets were judged")
    drops = net.mn.admin.drops()
    # Sent three times each, once with the home agent's address and port: the others never reach the agent.
    assert {reason: drops[reason] for reason in reasons} == dict.fromkeys(reasons, 1)
    assert net.mn.bound()
    assert Flow(net, 0.5).result()["missing"] == []
