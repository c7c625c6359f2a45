"""What numbers in the tunnel header are for, with the daemons that are shipped.

    mn ──wlan0──[5 ms]── ap ── core ── ha ── lan ── ftp     UDP flows in both directions, numbered
     └─rmnet0──[40 ms]── cell (NAT) ──┘
"""

import pytest
from harness.flow import UdpFlow
from harness.homeward import FTP_SERVER, HOME_ADDRESS, HomewardSystem, more
from harness.process import wait_until

RATE = 200
DELAYS = {"wlan": 5, "cellular": 40}


class Numbered(HomewardSystem):
    """Both ends configured to number packets; the access links are emulated."""

    def __init__(self, name, handover=None, agrees=True, dataplane=None):
        super().__init__(name)
        self.access = {}
        self.handover, self.agrees, self.dataplane = handover or {}, agrees, dataplane or {}

    def access_cable(self, node, device, router, router_device):
        uplink = "wlan" if device == "wlan0" else "cellular"
        self.access[uplink] = self.emulated_link(node, device, router, router_device, self.mtu, both={"delay_ms": DELAYS[uplink]})

    def start(self):
        self.mn.config["tunnel"] = {"sequence_numbers": True}
        self.mn.config["handover"] = {"hold_down": "300 ms", **self.handover}
        self.ha.config["registration"] = {"sequence_numbers": self.agrees}
        if self.dataplane:
            self.ha.config["dataplane"] = self.dataplane
        super().start()
        self.mn.wait_synchronised()
        return self

    def flow_down(self, port):
        return UdpFlow(self.ftp, self.mn_ns, HOME_ADDRESS, port, RATE)

    def flow_up(self, port):
        return UdpFlow(self.mn_ns, self.ftp, FTP_SERVER, port, RATE)


def path_down(system, uplink="wlan"):
    return system.mn.admin.uplinks()[uplink]["path_down"]


def test_without_the_home_agents_consent_all_goes_on_without_numbers():
    with Numbered("numbers-no", {"hold": True}, agrees=False) as system:
        system.start()
        text = system.mn.command("show", "uplinks").stdout
        assert "hold" not in text, text
        flow = system.flow_down(6200)
        more([flow], 60)
        result = flow.stop()
        assert (result["missing"], result["duplicates"]) == ([], 0)


@pytest.fixture(scope="module")
def held():
    with Numbered("numbers-hold", {"hold": True}) as system:
        yield system.start()


def test_hold_says_why_the_way_down_is_slow(held):
    assert path_down(held) == {"path": "slow", "reason": "handover.hold: all packets have numbers, which only user space looks at"}


def test_with_hold_a_moved_flow_is_not_reordered_on_its_way_down(held):
    flow = held.flow_down(6201)
    more([flow], 60)
    for _ in range(5):
        held.mn.uplink("wlan", "drain")
        wait_until(lambda: held.mn.admin.uplinks()["wlan"]["state"] == "down", "the binding to be given up")
        more([flow], 100)
        held.mn.uplink("wlan", "up")
        held.mn.wait_bound()
        more([flow], 100)
    result = flow.stop()
    assert (result["missing"], result["duplicates"], result["reordered"]) == ([], 0, 0)


def test_numbers_go_on_through_restarts_of_either_end(held):
    flow = held.flow_down(6202)
    more([flow], 60)
    held.mn.process.kill()
    held.mn.start()
    more([flow], 200)
    held.ha.dataplane.kill()
    held.ha.start_dataplane()
    more([flow], 200)
    assert flow.stop()["duplicates"] == 0


def test_what_went_into_a_cut_uplink_is_sent_again():
    with Numbered("numbers-resend", {"resend": True}, dataplane={"resend": "300 ms"}) as system:
        system.start()
        flow = system.flow_down(6203)
        more([flow], 60)
        for _ in range(3):
            system.access["wlan"].cut()
            wait_until(lambda: not system.mn.admin.uplinks()["wlan"]["usable"], "the node to see the cut")
            more([flow], 100)
            system.access["wlan"].restore()
            system.mn.wait_bound()
            more([flow], 60)
        result = flow.stop()
        assert (result["missing"], result["duplicates"]) == ([], 0)
        assert system.ha.admin.counters()["pipeline.resent_packets"] > 0
