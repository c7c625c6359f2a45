"""Rules that spread: each flow keeps to one uplink, the same both ways, in proportion; a dead uplink's flows move and
come back.

    mn ──wlan0──[16 Mbit/s]── ap ── core ── ha ── lan ── ftp
     └─rmnet0──[ 4 Mbit/s]── cell (NAT) ──┘
"""

import pathlib

import pytest
from harness.homeward import FTP_SERVER, HOME_ADDRESS, HomewardSystem
from harness.process import wait_until

CROWD, ECHO = (pathlib.Path(__file__).with_name(name) for name in ("echo_crowd.py", "echo_flow.py"))
MBPS = {"wlan": 16, "cellular": 4}
PORT, FIRST, FLOWS, ECHOES = 7, 40_000, 24, 12
EVERYBODY = {"correspondent": "0.0.0.0/0", "prefer": ["wlan", "cellular"], "mode": "spread"}
WEIGHTED = {"default": ["wlan", "cellular"], "rules": [EVERYBODY | {"weights": {"wlan": 2, "cellular": 1}}]}
BY_RATE = {"default": ["wlan", "cellular"], "rules": [EVERYBODY]}


class SpreadSystem(HomewardSystem):
    def __init__(self, name):
        super().__init__(name)
        self.access = {}

    def access_cable(self, node, device, router, router_device):
        uplink = "wlan" if device == "wlan0" else "cellular"
        self.access[uplink] = self.emulated_link(node, device, router, router_device, self.mtu,
                                                both={"rate_mbps": MBPS[uplink], "delay_ms": 5, "queue_ms": 150})


@pytest.fixture(scope="module", params=["fast", "slow"])
def system(request):
    with SpreadSystem(f"spread-{request.param}") as net:
        net.mn.config["handover"] = {"hold_down": "500 ms", "rates": "1 s"}
        if request.param == "slow":
            net.mn.config.setdefault("tunnel", {})["fast_path"] = "off"
        net.mn.write_policy(WEIGHTED)
        net.start()
        net.mn.wait_synchronised()
        server = net.ftp.start("crowd", ["/usr/bin/python3", ECHO, "serve", FTP_SERVER, PORT])
        server.wait_for_output("ready")
        yield net
        server.stop()


def carried(system):
    uplinks = system.mn.admin.uplinks()
    return {name: (uplinks[name]["tx_packets"], uplinks[name]["rx_packets"]) for name in uplinks}


def way_of(system, source):
    """The uplinks that a flow took, (up, down). Half of its packets each way tell: a probe may be among what was counted."""
    before = carried(system)
    system.mn_ns.run("/usr/bin/python3", CROWD, FTP_SERVER, PORT, source, ECHOES)
    after = carried(system)
    grown = {name: [b - a for a, b in zip(before[name], after[name])] for name in before}
    for way in (0, 1):
        assert min(counts[way] for counts in grown.values()) < ECHOES / 2 <= max(counts[way] for counts in grown.values()), grown
    return tuple(max(grown, key=lambda name: grown[name][way]) for way in (0, 1))


def ways(system, flows=FLOWS):
    return {source: way_of(system, source) for source in range(FIRST, FIRST + flows)}


def state(system, name):
    return system.mn.admin.uplinks()[name]["state"]


def test_flows_keep_to_one_uplink_both_ways_whatever_comes_and_goes(system):
    system.mn.wait_bound()
    at_first = ways(system)
    assert all(up == down for up, down in at_first.values()), at_first
    over_cellular = sum(up == "cellular" for up, _ in at_first.values())
    assert 3 <= over_cellular <= 15, at_first  # of 24, 8 are to be expected
    system.access["cellular"].cut()
    wait_until(lambda: state(system, "cellular") in ("lost", "down", "idle"), "the cut to be seen")
    assert set(ways(system).values()) == {("wlan", "wlan")}
    system.access["cellular"].restore()
    system.mn.wait_bound("cellular")
    assert ways(system) == at_first
    system.mn.uplink("wlan", "drain")
    wait_until(lambda: state(system, "wlan") == "down", "the binding to be given up")
    assert set(ways(system, 6).values()) == {("cellular", "cellular")}
    system.mn.uplink("wlan", "up")
    system.mn.wait_bound()
    assert ways(system) == at_first


def test_both_ends_show_the_rule(system):
    for policy in (system.mn.admin.get("/v1/policy"), system.ha.admin.get(f"/v1/policy?node={HOME_ADDRESS}")):
        (rule,) = policy["rules"]
        assert (rule["mode"], rule["uplinks"], rule["weights"]) == ("spread", ["wlan", "cellular"], [2, 1])
    route = system.mn.admin.get(f"/v1/route?to={FTP_SERVER}")
    assert route["chosen"] == "wlan, cellular"
    assert "spreads" in route["why"]


def test_measured_rates_come_to_both_ends(system):
    """Full links show how fast they are; a reload keeps what was learned."""
    system.mn.write_policy(BY_RATE)
    assert system.mn.reload()["applied"]
    system.mn.wait_synchronised()
    assert system.mn.admin.get("/v1/policy")["rates"] is None
    server = system.ftp.start("iperf3", ["iperf3", "--forceflush", "--server"])
    server.wait_for_output("Server listening")
    load = system.mn_ns.start("iperf3-client", ["iperf3", "--client", FTP_SERVER, "--bind", HOME_ADDRESS, "--parallel", "12",
                                                "--time", "120"])

    def rates(end):
        return (system.mn.admin.get("/v1/policy") if end == "mn" else system.ha.admin.get(f"/v1/policy?node={HOME_ADDRESS}"))["rates"]

    wait_until(lambda: rates("mn") and rates("mn")["wlan"] == 255 and 40 <= rates("mn")["cellular"] <= 100,
               "rates of about 4 : 1", timeout=100)
    load.stop()
    server.stop()
    wait_until(lambda: rates("ha") == rates("mn"), "both ends to have the same rates")
    system.mn.write_policy(WEIGHTED)
    system.mn.reload()
    system.mn.write_policy(BY_RATE)
    system.mn.reload()
    assert rates("mn")["wlan"] == 255 > rates("mn")["cellular"]
    wait_until(lambda: rates("ha") == rates("mn"), "the home agent to have them again")
