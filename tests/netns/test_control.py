"""homeward-control itself, in a namespace of its own, with a node's requests over real UDP.

    node (10.99.0.2, .3) ──veth── ha (10.99.0.1, a port's TAP twin 10.10.0.1/16 for the home network)
"""

import hashlib
import json
import os
import pathlib
import signal
import socket
import sqlite3
import struct

import pytest
from harness import forge
from harness.admin import Admin, ApiError
from harness.dataplane_peer import DataplanePeer
from harness.build import binary
from harness.homeward import write_secret
from harness.mip import Registrant, multipath, socket_in, udp_tunnel
from harness.netns import Topology
from harness.process import wait_until
from harness.yaml import dump

KEY = "000102030405060708090a0b0c0d0e0f"
AGENT = "10.99.0.1"
FORCED = udp_tunnel(forced=True)


def node(number, key=KEY):
    return {"nai": f"node{number}@ex", "home_address": f"10.10.1.{number}",
            "associations": [{"spi": 256, "algorithm": "hmac-md5", "key": key}]}


class Control:
    """One homeward-control with its namespaces."""

    def __init__(self, net):
        self.net = net
        self.ha, self.node = net.namespace("ha"), net.namespace("node")
        net.veth(self.ha, "eth0", self.node, "eth0")
        self.ha.address("eth0", f"{AGENT}/24")
        self.node.address("eth0", "10.99.0.2/24", "10.99.0.3/24")
        self.directory = pathlib.Path(net.directory)
        self.admin = Admin(self.directory / "c.sock")
        self.dataplane_socket = self.directory / "d.sock"
        self.state = self.directory / "state" / "control.db"
        self.file = self.directory / "ha.yaml"
        self.config = {
            "home_agent": {"address": AGENT, "admin_socket": self.directory / "c.sock",
                           "dataplane_socket": self.dataplane_socket, "state": self.state},
            "ports": [{"name": "home", "device": "net_null0", "addresses": ["10.10.0.1/16"]}],
            "home_networks": [{"prefix": "10.10.0.0/16", "port": "home", "pool": ["10.10.9.1-10.10.9.9"]}],
            "uplinks": {"wlan": 1, "cellular": 2},
            "nodes": [node(1), node(2)],
        }
        self.process = self.peer = None

    def write(self):
        write_secret(self.file, dump(self.config))

    def start(self, peer=True):
        self.write()
        self.process = self.ha.start("homeward-control", [binary("homeward-control"), "--config", self.file])
        self.process.wait_ready(lambda: (self.admin.status() or {}).get("listening"), "listening")
        if peer:
            self.connect()
        return self

    def connect(self, **options):
        self.peer = DataplanePeer(self.dataplane_socket, **options)
        assert self.peer.synchronised.wait(10)
        return self.peer

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        wait_until(lambda: not self.process.running(), "the killed process ends")

    def registrant(self, number=1, address="10.99.0.2", port=0, key=KEY, **options):
        return Registrant(socket_in(self.node, address, port), AGENT, bytes.fromhex(key),
                          home=options.pop("home", f"10.10.1.{number}"), nai=f"node{number}@ex", **options)

    def bindings(self):
        return {held["home_address"]: held for held in self.admin.get("/v1/bindings")["bindings"]}


@pytest.fixture
def control():
    with Topology("control") as net:
        yield Control(net)


def test_registers_and_tells_the_data_plane(control):
    control.start()
    reply = control.registrant(port=4000).register()
    assert (reply.code, reply.lifetime, reply.home_address) == (0, 60, "10.10.1.1")
    assert reply.extension(44) == struct.pack("!BBHH", 0, 0, 0x8000, 25)
    assert control.peer.bindings["10.10.1.1"]["uplinks"] == [
        {"care_of": "10.99.0.2", "port": 4000, "label": 0, "binding_id": 0}]
    wait_until(lambda: control.peer.announced == [("10.10.1.1", "00:00:00:00:00:00")], "gratuitous ARP")
    assert control.bindings()["10.10.1.1"]["nai"] == "node1@ex"


def test_without_a_data_plane_130(control):
    control.start(peer=False)
    assert control.registrant().register().code == 130
    assert control.bindings() == {}
    control.connect(acknowledge=False)
    assert control.registrant().register().code == 130
    assert control.bindings() == {}


def test_a_data_plane_that_comes_in_time_is_enough(control):
    control.config["registration"] = {"dataplane_wait": "5s"}
    control.start(peer=False)
    registrant = control.registrant()
    registrant.send(registrant.request())
    control.connect()
    assert registrant.receive().code == 0
    assert "10.10.1.1" in control.peer.bindings


def test_kill_9_of_control_loses_nothing(control):
    control.start()
    wlan, cellular = control.registrant(port=4001), control.registrant(address="10.99.0.3", port=4002)
    assert wlan.register(extensions=[FORCED, multipath(1)], lifetime=300).code == 0
    last = cellular.request(extensions=[FORCED, multipath(2)], lifetime=300)
    cellular.send(last)
    assert cellular.receive().code == 0
    assigned = control.registrant(2, port=4003)
    assert assigned.register(lifetime=300).code == 0
    before = control.bindings()
    control.kill()
    control.start()
    after = control.bindings()
    assert control.peer.bindings.keys() == {"10.10.1.1", "10.10.1.2"}
    assert [(u["binding_id"], u["port"]) for u in after["10.10.1.1"]["uplinks"]] == [(1, 4001), (2, 4002)]
    for home, held in before.items():
        for old, new in zip(held["uplinks"], after[home]["uplinks"]):
            assert new["expires_in_s"] <= old["expires_in_s"]
            assert new["expires_in_s"] > old["expires_in_s"] - 60
    # The marks are back, too: what was accepted before is a replay now.
    cellular.send(last)
    assert cellular.receive().code == 133
    assert wlan.register(extensions=[FORCED, multipath(1)]).code == 0


def test_an_assigned_home_address_is_kept(control):
    control.config["nodes"] = [{"nai": "node1@ex", "associations": node(1)["associations"]}]
    control.start()
    first = control.registrant(home="0.0.0.0").register()
    assert first.code == 0 and first.home_address.startswith("10.10.9.")
    assert control.registrant(home="0.0.0.0").register(lifetime=0, care_of=first.home_address).code == 0
    control.kill()
    control.start()
    assert control.registrant(home="0.0.0.0").register().home_address == first.home_address


def test_a_data_plane_that_restarts_gets_everything(control):
    control.start()
    first = control.registrant()
    assert first.register().code == 0
    assert control.registrant(2).register().code == 0
    control.peer.close()
    wait_until(lambda: not control.admin.status()["dataplane"]["connected"], "the loss is seen")
    # What changes nothing at the data plane needs none.
    assert first.register().code == 0
    control.connect()
    assert control.peer.bindings.keys() == {"10.10.1.1", "10.10.1.2"}
    assert [address for address, _, _ in control.peer.home_networks] == [0x0A0A0000]


def test_another_release_is_refused(control):
    control.start(peer=False)
    peer = DataplanePeer(control.dataplane_socket, version=99)
    assert peer.closed.wait(5)
    wait_until(lambda: "install both of one release" in control.process.text(), "it says why")


def test_udp_checksum(control):
    """Protocol row 1: a wrong checksum is dropped; a zero one is accepted, or not, as configured."""
    control.start()
    registrant = control.registrant(port=4000)

    def packet(message, checksum):
        udp = struct.pack("!HHHH", 4000, 434, 8 + len(message), checksum) + message
        return forge.ip(17, "10.99.0.2", AGENT, udp)

    forge.send(control.node, [packet(registrant.request(), 0xDEAD)])
    registrant.sock.settimeout(0.5)
    with pytest.raises(TimeoutError):
        registrant.receive()
    forge.send(control.node, [packet(registrant.request(), 0)])
    registrant.sock.settimeout(5)
    assert registrant.receive().code == 0
    control.process.stop()
    control.config["registration"] = {"accept_zero_udp_checksum": False}
    control.start()
    forge.send(control.node, [packet(registrant.request(), 0)])
    registrant.sock.settimeout(0.5)
    with pytest.raises(TimeoutError):
        registrant.receive()


def test_a_broadcast_is_answered_136(control):
    control.start()
    registrant = control.registrant()
    registrant.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    registrant.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    registrant.sock.sendto(registrant.request(), ("255.255.255.255", 434))
    reply = registrant.receive()
    assert (reply.code, reply.home_agent) == (136, AGENT)
    assert control.bindings() == {}


def test_the_twin_is_persistent_and_carries_the_tunnel_mtu(control):
    control.start()
    control.kill()
    link = control.ha.ip("-d", "link", "show", "hw-home").stdout
    assert "persist on" in link and "mtu 1500" in link
    assert "10.10.0.1/16" in control.ha.ip("address", "show", "hw-home").stdout
    routes = control.ha.ip("route", "show", "10.10.0.0/16").stdout
    assert "mtu lock 1468" in routes
    assert len(routes.splitlines()) == 1
    control.start(peer=False)


def test_waits_for_its_address(control):
    control.ha.ip("address", "del", f"{AGENT}/24", "dev", "eth0")
    control.write()
    control.process = control.ha.start("homeward-control", [binary("homeward-control"), "--config", control.file])
    control.process.wait_ready(lambda: control.admin.status(), "answering")
    status = control.admin.status()
    assert not status["listening"] and "Cannot assign requested address" in status["last_error"]
    control.ha.address("eth0", f"{AGENT}/24")
    wait_until(lambda: control.admin.status()["listening"], "listening", 10)
    control.connect()
    assert control.registrant().register().code == 0


RELOADS = {
    "a node that is gone loses its bindings": (
        lambda c: c["nodes"].pop(0),
        lambda c: "10.10.1.1" not in c.bindings() and c.registrant(1).silent(c.registrant(1).request())),
    "a new node may register": (
        lambda c: c["nodes"].append(node(3)),
        lambda c: c.registrant(3).register().code == 0 and "10.10.1.1" in c.bindings()),
    "a changed key keeps the bindings": (
        lambda c: c["nodes"].__setitem__(0, node(1, key="ff" * 16)),
        lambda c: "10.10.1.1" in c.bindings() and c.registrant(1).silent(c.registrant(1).request())
        and c.registrant(1, key="ff" * 16).register().code == 0),
    "a lifetime limit": (
        lambda c: c.__setitem__("registration", {"max_lifetime": "20s"}),
        lambda c: c.registrant(2).register().lifetime == 20 and "10.10.1.1" in c.bindings()),
    "a home network that is gone": (
        lambda c: (c["home_networks"].__setitem__(0, {"prefix": "10.11.0.0/16"}), c["nodes"].clear()),
        lambda c: c.bindings() == {} and "10.10.1.1" not in c.peer.bindings),
}


@pytest.mark.parametrize("name", RELOADS)
def test_reload(control, name):
    change, holds = RELOADS[name]
    control.start()
    assert control.registrant(1).register(lifetime=300).code == 0
    change(control.config)
    control.write()
    assert control.admin.post("/v1/reload") == {"applied": True, "needs_restart": []}
    wait_until(lambda: holds(control), name)


def test_a_bad_file_changes_nothing(control):
    control.start()
    assert control.registrant(1).register().code == 0
    control.config["nodes"][0]["colour"] = "blue"
    control.write()
    with pytest.raises(ApiError) as refused:
        control.admin.post("/v1/reload")
    assert refused.value.status == 422 and "colour" in str(refused.value)
    os.kill(control.process.pid, signal.SIGHUP)
    wait_until(lambda: "the configuration stays as it was" in control.process.text(), "SIGHUP was taken")
    assert control.registrant(1).register().code == 0


def test_what_needs_a_restart_is_named_and_the_rest_applied(control):
    control.start()
    control.config["ports"][0]["mtu"] = 1400
    control.config["nodes"].append(node(3))
    control.write()
    assert control.admin.post("/v1/reload")["needs_restart"] == ["ports"]
    assert control.registrant(3).register().code == 0


def newer_schema(file):
    database = sqlite3.connect(file)
    database.execute("PRAGMA user_version = 99")
    database.close()


@pytest.mark.parametrize("damage, words", {
    "random bytes": (lambda file: file.write_bytes(os.urandom(40960)), "not a database"),
    "a damaged page": (lambda file: file.write_bytes(file.read_bytes()[:4096] + os.urandom(40960)), "damaged"),
    "a newer schema": (newer_schema, "newer release"),
    "a directory in its place": (lambda file: (file.unlink(), file.mkdir()), "unable to open"),
}.values(), ids=["random", "page", "newer", "directory"])
def test_a_store_that_cannot_be_used_is_one_line_and_exit_1(control, damage, words):
    control.start()
    assert control.registrant(1).register().code == 0
    control.process.stop()
    for extra in control.state.parent.glob("control.db-*"):
        extra.unlink()
    damage(control.state)
    control.write()
    done = control.ha.run(binary("homeward-control"), "--config", control.file, check=False)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 1
    assert len(lines) == 1 and str(control.state) in lines[0] and words in lines[0], done.stderr


def test_two_on_one_store_is_refused(control):
    control.start()
    control.config["home_agent"]["admin_socket"] = control.directory / "other.sock"
    control.write()
    done = control.ha.run(binary("homeward-control"), "--config", control.file, check=False)
    assert done.returncode == 1
    assert "stop the other homeward-control" in done.stderr and len(done.stderr.splitlines()) == 1


def test_start_errors_are_one_line_and_exit_1(control):
    control.config["home_agent"]["dataplane_socket"] = "/proc/nowhere/d.sock"
    control.write()
    done = control.ha.run(binary("homeward-control"), "--config", control.file, check=False)
    assert done.returncode == 1
    assert "/proc/nowhere/d.sock" in done.stderr.strip().splitlines()[-1]


def test_admin_answers(control):
    control.start()
    assert control.registrant(1, port=4000).register(extensions=[FORCED, multipath(1, label=1)]).code == 0
    status = control.admin.status()
    assert (status["role"], status["dataplane"]["connected"], status["bindings"]) == ("home-agent", True, 1)
    uplink = control.bindings()["10.10.1.1"]["uplinks"][0]
    assert (uplink["care_of"], uplink["port"], uplink["technology"], uplink["nat"]) == ("10.99.0.2", 4000, "wlan", False)
    assert control.admin.get("/v1/uplinks")["uplinks"][0]["name"] == "wlan"
    assert control.admin.get("/v1/route?to=192.0.2.1&node=node1@ex")["chosen"] == "wlan"
    assert control.admin.get("/v1/policy?node=10.10.1.1")["source"] == "none"
    drops = control.admin.drops()
    assert drops["encap.test"] == 7 and drops["registration.unknown-node"] == 0
    assert control.admin.counters()["registration.accepted"] == 1


def load(control, *words):
    """mip-load's reports by phase; it exits 0 only when everybody was accepted."""
    done = control.node.run(binary("mip-load"), "--agent", AGENT, "--source", "10.99.0.2", *words, timeout=120)
    return {report["phase"]: report for report in map(json.loads, done.stdout.splitlines())}


def test_a_thousand_nodes_register_renew_and_leave(control):
    control.config["nodes"] = [{"home_address": f"10.10.{16 + i // 256}.{i % 256}",
                                "associations": node(1)["associations"]} for i in range(1000)]
    control.start()
    reports = load(control, "--nodes", "1000", "--home", "10.10.16.0", "--stay")
    assert reports["register"]["codes"] == {"0": 1000} and reports["renew"]["codes"] == {"0": 1000}
    assert len(control.peer.bindings) == 1000
    assert len({(u["care_of"], u["port"]) for b in control.peer.bindings.values() for u in b["uplinks"]}) == 1000
    control.kill()
    control.start()
    assert len(control.peer.bindings) == 1000 == control.admin.status()["bindings"]
    reports = load(control, "--nodes", "1000", "--home", "10.10.16.0")
    assert reports["leave"]["codes"] == {"0": 1000}
    assert control.peer.bindings == {} and control.admin.status()["bindings"] == 0
    assert control.admin.counters()["registration.dataplane-timeouts"] == 0


def test_a_policy_of_100000_rules_comes_over_udp_and_survives(control):
    control.start()
    reports = load(control, "--nodes", "1", "--home", "10.10.1.1", "--rules", "100000", "--stay")
    assert reports["synchronise"]["synchronised"]
    policy = control.admin.get("/v1/policy?node=10.10.1.1")
    assert (policy["source"], policy["total_rules"], policy["synchronised"]) == ("node", 100000, True)
    number = control.peer.bindings["10.10.1.1"]["policy"]
    assert hashlib.sha256(control.peer.policies[number]).hexdigest() == policy["generation"]["digest"]
    sizes = len(control.peer.policies[number])
    control.kill()
    control.start()
    assert control.admin.get("/v1/policy?node=10.10.1.1")["generation"] == policy["generation"]
    assert len(control.peer.policies[control.peer.bindings["10.10.1.1"]["policy"]]) == sizes


def policy_file(control, preferred):
    (control.directory / "policy.yaml").write_text(dump({
        "default": ["wlan", "cellular"],
        "rules": [{"name": "video", "correspondent": "192.0.2.0/24", "prefer": preferred}]}))


def test_a_configured_policy_is_shared_and_changes_under_the_bindings(control):
    for configured in control.config["nodes"]:
        configured["policy"] = "policy.yaml"
    policy_file(control, ["cellular", "wlan"])
    control.start()
    for number in (1, 2):
        for address, uplink in (("10.99.0.2", 1), ("10.99.0.3", 2)):
            registrant = control.registrant(number, address=address)
            assert registrant.register(extensions=[FORCED, multipath(uplink)]).code == 0
    assert len(control.peer.policies) == 1
    assert {held["policy"] for held in control.peer.bindings.values()} == set(control.peer.policies)
    route = control.admin.get("/v1/route?to=192.0.2.1&node=node1@ex")
    assert (route["chosen"], route["rule"]["name"]) == ("cellular", "video")
    policy_file(control, ["wlan", "cellular"])
    before = set(control.peer.policies)
    assert control.admin.post("/v1/reload")["applied"]
    wait_until(lambda: set(control.peer.policies) not in (before, set()) and len(control.peer.policies) == 1,
               "the new table in place of the old")
    assert {held["policy"] for held in control.peer.bindings.values()} == set(control.peer.policies)
    assert control.admin.get("/v1/route?to=192.0.2.1&node=node1@ex")["chosen"] == "wlan"


def test_events_as_they_happen(control):
    control.start()
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(10)
    stream.connect(str(control.admin.path))
    stream.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    received = stream.recv(65536)
    assert control.registrant(1).register().code == 0
    assert control.registrant(1).register(flags=0).code == 134
    control.peer.close()
    while b"dataplane-lost" not in received:
        received += stream.recv(65536)
    for event in (b"binding-registered", b"registration-denied", b"10.10.1.1", b"node1@ex"):
        assert event in received
    assert KEY.encode() not in received


def test_sigterm_is_clean(control):
    control.start()
    assert control.registrant(1).register().code == 0
    os.kill(control.process.pid, signal.SIGTERM)
    wait_until(lambda: not control.process.running(), "it ends")
    assert control.process.returncode == 0
    control.start()
    assert "10.10.1.1" in control.peer.bindings
