"""What numbers in the tunnel header are for, with the daemons that are shipped.

    mn ──wlan0──[5 ms]── ap ── core ── ha ── lan ── ftp     UDP flows in both directions, numbered
     └─rmnet0──[40 ms]── cell (NAT) ──┘
"""

import pytest
from harness.flow import UdpFlow
from harness.homeward import FTP_SERVER, HOME_ADDRESS, VIDEO_OVER_CELLULAR, HomewardSystem, more
from harness.process import wait_until

RATE = 200
DELAYS = {"wlan": 5, "cellular": 40}


class Numbered(HomewardSystem):
    """Both ends configured to number packets; the access links are emulated."""

    def __init__(self, name, handover=None, agrees=True, dataplane=None, policy=None):
        super().__init__(name)
        self.access = {}
        self.handover, self.agrees, self.dataplane = handover or {}, agrees, dataplane or {}
        self.policy = policy

    def access_cable(self, node, device, router, router_device):
        uplink = "wlan" if device == "wlan0" else "cellular"
        self.access[uplink] = self.emulated_link(node, device, router, router_device, self.mtu, both={"delay_ms": DELAYS[uplink]})

    def start(self):
        self.mn.write_policy(self.policy or VIDEO_OVER_CELLULAR)
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


TWICE = {"default": ["wlan", "cellular"],
         "rules": [{"name": "twice", "correspondent": f"{FTP_SERVER}/32", "prefer": ["wlan", "cellular"], "mode": "redundant"}]}


@pytest.fixture(scope="module")
def twice():
    with Numbered("numbers-twice", policy=TWICE) as system:
        yield system.start()


@pytest.fixture
def flows(twice):
    """One in each direction; at the end all of both have arrived, once."""
    both = twice.flow_pair(6204, RATE)
    more(both, 60)
    yield both
    for flow in both:
        result = flow.stop()
        assert (result["missing"], result["duplicates"]) == ([], 0)


def copies(system):
    """That left second: (up, down)."""
    return system.mn.admin.uplinks()["cellular"]["tx_copies"], system.ha.admin.counters()["pipeline.downlink_copies"]


def test_redundant_brings_all_over_a_path_that_loses_a_tenth(twice, flows):
    twice.access["wlan"].set(both={"loss": 0.1})
    more(flows, 1000)
    twice.access["wlan"].set(both={"loss": 0.0})
    more(flows, 60)
    lost = twice.access["wlan"].report()
    assert min(lost["forward"]["lost"], lost["backward"]["lost"]) > 20
    assert min(copies(twice)) > 900
    # What did not get lost came twice, and the second copy of it went no further.
    assert twice.mn.admin.get("/v1/drops")["drops"]["down.duplicate"] > 800
    assert twice.ha.admin.get("/v1/drops")["drops"]["decap.duplicate"] > 800


@pytest.mark.parametrize("uplink", ["wlan", "cellular"])
def test_redundant_loses_nothing_with_an_uplink(twice, flows, uplink):
    """By a cut that the kernel sees, and by one that only probes find."""
    other = twice.access[uplink]
    for lose, bring_back in ((other.cut, other.restore),
                             (lambda: other.set(both={"blackhole": True}), lambda: other.set(both={"blackhole": False}))):
        lose()
        wait_until(lambda: not twice.mn.admin.uplinks()[uplink]["usable"], "the node to see it")
        more(flows, 100)
        bring_back()
        twice.mn.wait_bound()
        before = copies(twice)
        more(flows, 100)
        assert all(now > then for now, then in zip(copies(twice), before))


def test_redundant_is_shown_and_comes_and_goes_with_a_reload(twice, flows):
    assert "by two of wlan, cellular" in twice.mn.command("show", "policy").stdout
    assert "left by another uplink, too" in twice.mn.command("show", "uplinks").stdout
    assert twice.mn.admin.get(f"/v1/route?to={FTP_SERVER}")["chosen"] == "wlan, cellular"
    for policy, mode, repeated in ((VIDEO_OVER_CELLULAR, "prefer", False), (TWICE, "redundant", True)):
        twice.mn.write_policy(policy)
        assert twice.mn.reload() == {"applied": True, "needs_restart": []}
        twice.mn.wait_synchronised()
        assert twice.ha.admin.get(f"/v1/policy?node={HOME_ADDRESS}")["rules"][0]["mode"] == mode
        more(flows, 60)  # those that are under way yet have left before
        before = copies(twice)
        more(flows, 60)
        assert [now > then for now, then in zip(copies(twice), before)] == [repeated, repeated]


@pytest.fixture(scope="module")
def both_ways():
    """hold, and a rule that sends twice."""
    with Numbered("numbers-both", {"hold": True}, policy=TWICE) as system:
        yield system.start()


def test_with_hold_the_first_copy_is_not_held_for_what_is_missing_before_it(both_ways):
    """What wlan loses comes 35 ms later by cellular, when others have overtaken it: whoever waited would put it in order."""
    wlan = both_ways.access["wlan"]
    flow = both_ways.flow_down(6207)
    more([flow], 60)
    lost_before = wlan.report()["backward"]["lost"]
    wlan.set(both={"loss": 0.1})
    more([flow], 1500)
    wlan.set(both={"loss": 0.0})
    more([flow], 60)
    lost = wlan.report()["backward"]["lost"] - lost_before
    result = flow.stop()
    assert (result["missing"], result["duplicates"]) == ([], 0)
    assert lost > 80 and result["reordered"] > 0.8 * lost


def test_with_hold_a_flow_moves_in_order_beside_one_that_comes_twice(both_ways):
    twice_down = both_ways.flow_down(6208)
    moving = UdpFlow(both_ways.video, both_ways.mn_ns, HOME_ADDRESS, 6209, RATE)
    flows = [twice_down, moving]
    more(flows, 60)
    for _ in range(3):
        both_ways.mn.uplink("wlan", "drain")
        wait_until(lambda: both_ways.mn.admin.uplinks()["wlan"]["state"] == "down", "the binding to be given up")
        more(flows, 100)
        both_ways.mn.uplink("wlan", "up")
        both_ways.mn.wait_bound()
        more(flows, 100)
    for flow in flows:
        result = flow.stop()
        assert (result["missing"], result["duplicates"]) == ([], 0)
    assert result["reordered"] == 0
    assert both_ways.mn.admin.get("/v1/drops")["drops"]["down.duplicate"] > 300


def test_redundant_is_like_prefer_where_the_home_agent_does_not_agree():
    with Numbered("numbers-alone", agrees=False, policy=TWICE) as system:
        system.start()
        assert system.mn.admin.get(f"/v1/route?to={FTP_SERVER}")["chosen"] == "wlan"
        flows = system.flow_pair(6206, RATE)
        more(flows, 60)
        for flow in flows:
            result = flow.stop()
            assert (result["missing"], result["duplicates"]) == ([], 0)
        assert copies(system) == (0, 0)
