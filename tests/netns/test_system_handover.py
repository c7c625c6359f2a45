"""Moves between uplinks under traffic, planned and not.

    mn ──wlan0── ap ── core ── ha ── lan ── ftp     UDP flows in both directions, numbered
     └─rmnet0── cell (NAT) ──┘
"""

import signal
import time

import pytest
from harness.homeward import FTP_SERVER, HomewardSystem, more
from harness.process import wait_until

RATE = 300


@pytest.fixture(scope="module")
def system():
    with HomewardSystem("handover") as net:
        net.mn.config["handover"] = {"hold_down": "300 ms"}
        net.mn_ns.sysctl(net__ipv4__conf__wlan0__promote_secondaries=1)  # as a DHCP client sets it
        net.start()
        net.mn.wait_synchronised()
        yield net


@pytest.fixture
def flows(system):
    """One flow up, one down, both running."""
    system.mn.uplink("wlan", "up")
    system.mn.wait_bound()
    pair = system.flow_pair(6100, RATE)
    more(pair, 50)
    yield pair
    for flow in pair:
        if flow.sender.running():
            flow.stop()


def carried(system):
    uplinks = system.mn.admin.uplinks()
    return {name: (uplinks[name]["tx_packets"], uplinks[name]["rx_packets"]) for name in uplinks}


def in_use(system, flows):
    """The uplinks that carry the flows, as (up, down)."""
    before = carried(system)
    more(flows, 60)
    after = carried(system)
    grown = {name: [b - a for a, b in zip(before[name], after[name])] for name in before}
    return tuple(max(grown, key=lambda name: grown[name][way]) for way in (0, 1))


def labels_up(system):
    """Labels of the bindings that the home agent uses."""
    (binding,) = system.ha.admin.get("/v1/bindings")["bindings"]
    return sorted(uplink["label"] for uplink in binding["uplinks"] if uplink["up"])


def test_planned_moves_lose_nothing_in_either_direction(system, flows):
    for _ in range(5):
        system.mn.uplink("wlan", "drain")
        wait_until(lambda: system.mn.admin.uplinks()["wlan"]["state"] == "down", "the binding to be given up")
        assert in_use(system, flows) == ("cellular", "cellular")
        system.mn.uplink("wlan", "up")
        system.mn.wait_bound()
        more(flows, 60)
        assert in_use(system, flows) == ("wlan", "wlan")
    for flow in flows:
        result = flow.stop()
        assert (result["missing"], result["duplicates"]) == ([], 0)


def test_a_cut_moves_both_directions_and_a_return_loses_nothing(system, flows):
    for _ in range(3):
        system.ap.link_down("wlan")
        wait_until(lambda: labels_up(system) == [2], "the home agent to know")
        assert in_use(system, flows) == ("cellular", "cellular")
        system.ap.link_up("wlan")
        system.mn.wait_bound()
        more(flows, 60)
        assert in_use(system, flows) == ("wlan", "wlan")
    for flow in flows:
        missing = flow.stop()["missing"]
        # Lost is what was on its way in a cut: a handful at a time, never a stretch.
        assert len(missing) <= 3 * RATE // 10, missing


def test_the_home_agent_forgets_a_cut_uplink_by_a_registration_over_the_other(system, flows):
    system.ap.link_down("wlan")

    wait_until(lambda: labels_up(system) == [2], "only the cellular binding to be left")
    system.ap.link_up("wlan")
    system.mn.wait_bound()
    assert labels_up(system) == [1, 2]
    more(flows, 20)


def test_a_new_address_on_an_uplink_is_registered_and_flows_go_on(system, flows):
    system.mn_ns.ip("address", "add", "10.1.1.77/24", "dev", "wlan0")
    system.mn_ns.ip("address", "del", "10.1.1.2/24", "dev", "wlan0")
    system.mn_ns.ip("route", "replace", "default", "via", "10.1.1.1", "dev", "wlan0", "metric", "101", check=False)

    def care_of():
        (binding,) = system.ha.admin.get("/v1/bindings")["bindings"]
        return {uplink["label"]: uplink["care_of"] for uplink in binding["uplinks"]}.get(1)

    wait_until(lambda: care_of() == "10.1.1.77", "the new address to be registered")
    assert in_use(system, flows) == ("wlan", "wlan")
    system.mn_ns.ip("address", "add", "10.1.1.2/24", "dev", "wlan0")
    system.mn_ns.ip("address", "del", "10.1.1.77/24", "dev", "wlan0")
    system.mn_ns.ip("route", "replace", "default", "via", "10.1.1.1", "dev", "wlan0", "metric", "101", check=False)
    wait_until(lambda: care_of() == "10.1.1.2", "the old address to be registered again")
    more(flows, 20)


def test_a_renewed_lease_disturbs_nobody(system, flows):
    for _ in range(3):
        system.mn_ns.ip("address", "replace", "10.1.1.2/24", "dev", "wlan0", "valid_lft", "3600", "preferred_lft", "3600")
        more(flows, 30)
    for flow in flows:
        assert flow.stop()["missing"] == []


def test_an_address_that_is_away_for_a_moment_narrows_nothing(system):
    """So short that the node finds all as it was, but for its socket, whose route is a dead one until it sends again."""
    system.mn.uplink("wlan", "up")
    system.mn.wait_bound()
    before = system.mn.process.text().count("has MTU")
    for _ in range(3):
        system.mn.process.send(signal.SIGSTOP)
        system.mn_ns.ip("address", "del", "10.1.1.2/24", "dev", "wlan0")
        system.mn_ns.ip("address", "add", "10.1.1.2/24", "dev", "wlan0")
        system.mn_ns.ip("route", "replace", "default", "via", "10.1.1.1", "dev", "wlan0", "metric", "101")
        system.mn.process.send(signal.SIGCONT)
        time.sleep(1.2)  # it looks every second
    assert system.mn.process.text().count("has MTU") == before
    system.mn.wait_bound()


def test_a_tcp_session_survives_cuts_and_drains(system):
    content = bytes(range(256)) * 4000
    (system.directory / "content").write_bytes(content)
    system.ftp.serve_files(system.directory, 8003)
    target = system.directory / "content.received"
    curl = system.mn_ns.start("curl", ["curl", "-sS", "--limit-rate", "200k", "--max-time", "100", "-o", target,
                                       f"http://{FTP_SERVER}:8003/content"])
    curl.wait_ready(lambda: target.exists() and target.stat().st_size > 50_000, "receiving")
    for action in (lambda: system.ap.link_down("wlan"), lambda: system.ap.link_up("wlan"),
                   lambda: system.mn.uplink("wlan", "drain"), lambda: system.mn.uplink("wlan", "up")):
        size = target.stat().st_size
        action()
        wait_until(lambda: not curl.running() or target.stat().st_size > size + 100_000, "the transfer to go on", timeout=20)
        system.mn.wait_bound("cellular")
    system.mn.wait_bound()
    assert curl.wait(60) == 0
    assert target.read_bytes() == content


def test_one_uplink_carries_everything(system):
    system.mn.uplink("wlan", "down")
    for server in (FTP_SERVER, "158.132.10.178"):
        assert system.mn_ns.ping(server, count=2).returncode == 0
    system.mn.uplink("wlan", "up")
    system.mn.wait_bound()
    system.mn.uplink("cellular", "down")
    for server in (FTP_SERVER, "158.132.10.178"):
        assert system.mn_ns.ping(server, count=2).returncode == 0
    system.mn.uplink("cellular", "up")
    system.mn.wait_bound()
