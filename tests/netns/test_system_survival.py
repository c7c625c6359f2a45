"""kill -9 of the home agent's processes under traffic: nobody re-registers because one of them died.

    mn ──wlan0── ap ── core ── ha: control ═ data plane ── lan ── ftp
     └─rmnet0── cell (NAT) ──┘
"""

import pytest
from harness.capture import read_pcap
from harness.homeward import HomewardSystem, more
from harness.process import wait_until

RATE = 200
REQUESTS = "udp dst port 434 and udp[8] = 1"


@pytest.fixture
def system():
    with HomewardSystem("survival") as net:
        # Renewals, at half the lifetime, must not be taken for registrations caused by what died.
        net.mn.config["registration"] = {"lifetime": "600 s"}
        net.start()
        net.mn.wait_synchronised()
        yield net


class Requests:
    """Registration requests on both uplinks while the block runs."""

    def __init__(self, system):
        self._system = system

    def __enter__(self):
        self._captures = [self._system.mn_ns.capture(device, f"requests-{device}", REQUESTS) for device in ("wlan0", "rmnet0")]
        return self

    def __exit__(self, *_):
        self.count = sum(len(list(read_pcap(capture.stop()))) for capture in self._captures)


def start_flows(system):
    flows = system.flow_pair(6300, RATE)
    more(flows, 50)
    return flows


def held(system):
    """Every binding as control knows it, without its times."""
    return [{key: uplink[key] for key in ("binding_id", "care_of", "port", "nat", "label")}
            for binding in system.ha.admin.get("/v1/bindings")["bindings"] for uplink in binding["uplinks"]]


def test_a_killed_control_stops_no_packet_and_knows_its_bindings_again(system):
    before = held(system)
    flows = start_flows(system)
    with Requests(system) as requests:
        system.ha.control.kill()
        more(flows, 200)
        system.ha.start_control()
        wait_until(lambda: system.ha.connected(), "the data plane to find the new control")
        assert held(system) == before
        more(flows, 200)
    assert requests.count == 0
    for flow in flows:
        assert flow.stop()["missing"] == []
    # The new control serves registrations.
    system.mn.uplink("wlan", "drain")
    wait_until(lambda: system.mn.admin.uplinks()["wlan"]["state"] == "draining", "draining")
    system.mn.uplink("wlan", "up")
    system.mn.wait_bound()


def test_a_killed_data_plane_gets_every_binding_back_from_control(system):
    before = held(system)
    flows = start_flows(system)
    with Requests(system) as requests:
        system.ha.dataplane.kill()
        wait_until(lambda: not system.ha.admin.status()["dataplane"]["connected"], "control to notice")
        system.ha.start_dataplane()
        more(flows, 200)
        assert held(system) == before
    assert requests.count == 0
    for flow in flows:
        flow.stop()


def test_both_killed_and_started_in_the_other_order(system):
    before = held(system)
    flows = start_flows(system)
    with Requests(system) as requests:
        system.ha.dataplane.kill()
        system.ha.control.kill()
        system.ha.start_dataplane(wait=False)
        system.ha.start_control()
        wait_until(lambda: system.ha.connected(), "the data plane to connect")
        more(flows, 200)
        assert held(system) == before
    assert requests.count == 0
    for flow in flows:
        flow.stop()


def test_a_killed_node_comes_back_to_the_same_home_address(system):
    system.mn.process.kill()
    system.mn.start()
    flows = start_flows(system)
    more(flows, 50)
    for flow in flows:
        assert flow.stop()["missing"] == []
    assert len(held(system)) == 2
