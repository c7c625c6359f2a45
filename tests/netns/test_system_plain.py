"""Tunnels without UDP where no NAT is on the way (RFC 2003), with the daemons that are shipped.

    mn ──wlan0── ap ───────┐
     │                     ├── core ── ha (DPDK) ── ftp, video        wlan: IP in IP; cellular: UDP
     └──rmnet0── cell(NAT)─┘
"""

import json
import pathlib
import sys

import pytest
from harness.capture import read_pcap
from harness.homeward import FTP_SERVER, VIDEO_SERVER, HomewardSystem
from harness.process import wait_until

FLOW = pathlib.Path(__file__).with_name("echo_flow.py")
PORT = 7000
IPIP, UDP = 4, 17


class Plain(HomewardSystem):
    def __init__(self, name, node=True, agent=True, fast_path="automatic"):
        super().__init__(name)
        self.node, self.agent, self.fast_path = node, agent, fast_path

    def start(self):
        self.mn.config["tunnel"] = {"ip_in_ip": self.node, "fast_path": self.fast_path}
        self.ha.config["registration"] = {"ip_in_ip": self.agent}
        super().start()
        for namespace, address in ((self.ftp, FTP_SERVER), (self.video, VIDEO_SERVER)):
            namespace.start("echo", [sys.executable, FLOW, "serve", address, PORT]).wait_for_output("ready")
        return self

    def tunnels(self):
        return {name: uplink["tunnel"] for name, uplink in self.mn.admin.uplinks().items()}

    def flow(self, server=FTP_SERVER, seconds=1, meanwhile=lambda: None):
        """A numbered flow to a server and back, every 5 ms; how many are missing."""
        process = self.mn_ns.start(f"flow{len(self.processes)}", [sys.executable, FLOW, "run", server, PORT, seconds, 5])
        process.wait_for_output("ready")
        meanwhile()
        assert process.wait() == 0, process.text()
        return len(json.loads(process.text().splitlines()[-1])["missing"])

    def carried(self, way):
        """Packets of wlan's that visited user space, and that did not."""
        counters = self.mn.admin.counters()
        fast = counters.get(f"uplink.wlan.{way}_fast_packets", 0)
        return counters[f"uplink.wlan.{way}_packets"] - fast, fast

    def protocols(self, device, work):
        """IP protocols of what crosses one of the node's devices, registrations aside, both ways, while something is done."""
        capture = self.mn_ns.capture(device, f"{device}-{len(self.processes)}", "ip and not udp[8] < 4", snap=64)
        work()
        return {frame[23] for _, frame, _length in read_pcap(capture.stop())}


@pytest.fixture(scope="module")
def plain():
    with Plain("plain") as system:
        yield system.start()


def test_each_uplink_has_the_tunnel_that_its_network_allows(plain):
    assert plain.tunnels() == {"wlan": "ip", "cellular": "udp"}
    assert plain.protocols("wlan0", lambda: plain.flow(FTP_SERVER)) == {IPIP}
    assert plain.protocols("rmnet0", lambda: plain.flow(VIDEO_SERVER)) == {UDP}


@pytest.mark.parametrize("down", [True, False], ids=["down", "up"])
def test_tcp(plain, down):
    way = "rx" if down else "tx"
    _slow, before = plain.carried(way)
    plain.transfer(down, 20_000_000)
    _slow, after = plain.carried(way)
    assert after - before > 10_000, "SYNs alone visit user space"


def test_a_flow_moves_between_the_two_and_back(plain):
    plain.mn.uplink("wlan", "drain")
    wait_until(lambda: plain.mn.admin.uplinks()["wlan"]["state"] == "down", "the binding to be given up")
    assert plain.flow() == 0
    plain.mn.uplink("wlan", "up")
    plain.mn.wait_bound()
    assert plain.tunnels()["wlan"] == "ip"
    assert plain.flow() == 0


def test_without_the_programs_packets_visit_user_space(plain):
    """The agent puts them back within a second. The qdiscs stay: to hang a clsact on a device, Linux takes its queues away for
    a moment, and with them what is sent meanwhile."""

    def take_away():
        plain.mn_ns.tc("filter", "del", "dev", "wlan0", "ingress")
        plain.mn_ns.tc("filter", "del", "dev", "homeward0", "egress")

    def visited():
        before = {way: plain.carried(way)[0] for way in ("tx", "rx")}
        assert plain.flow(seconds=2, meanwhile=take_away) == 0
        return all(plain.carried(way)[0] - before[way] > 20 for way in before)

    wait_until(visited, "a turn in which the agent did not put them back at once", timeout=60)
    before = plain.carried("tx")[1]
    assert plain.flow() == 0
    assert plain.carried("tx")[1] - before > 100, "put back"


def test_the_agreement_survives_restarts_of_either_end(plain):
    plain.ha.dataplane.kill()
    plain.ha.start_dataplane()
    wait_until(lambda: plain.flow() == 0, "the flow to go on")
    plain.mn.process.kill()
    plain.mn.start()
    plain.mn.wait_bound()
    assert plain.tunnels() == {"wlan": "ip", "cellular": "udp"}
    assert plain.flow() == 0


@pytest.mark.parametrize("node, agent, fast_path",
                         [(False, True, "automatic"), (True, False, "automatic"), (True, True, "off")],
                         ids=["node_does_not_ask", "home_agent_does_not_allow", "no_fast_path"])
def test_otherwise_it_is_udp(node, agent, fast_path):
    with Plain("plain-not", node, agent, fast_path) as system:
        system.start()
        assert system.tunnels() == {"wlan": "udp", "cellular": "udp"}
        assert system.flow() == 0


def test_a_firewall_that_passes_udp_alone_is_found_out():
    with Plain("plain-wall") as system:
        system.ap.nft("table ip wall {\n chain f {\n type filter hook forward priority 0;\n ip protocol 4 drop\n }\n}\n")
        system.start()

        def works():
            system.flow()
            return system.tunnels()["wlan"] == "udp"

        wait_until(works, "the node to force UDP", timeout=60)
        system.mn.wait_bound()
        assert system.flow() == 0
