"""A signal that falls and rises again, replayed from a trace: the flows move before the link breaks, and nothing is lost.

    mn ──wlan0── ap ── core ── ha ── lan ── ftp     UDP flows in both directions, numbered
     └─rmnet0── cell (NAT) ──┘
"""

import pytest
from harness.homeward import HomewardSystem, more
from harness.process import wait_until

RATE = 200
HEADER = "# mn-trace v1\nt_s,iface,tech,bssid,connected,rssi_dbm,snr_db,rate_mbps\n"


def walk(*legs):
    """Rows of a walk: (seconds, dBm at its end), ten a second, from −50 dBm."""
    rows, t, level = [], 0.0, -50.0
    for seconds, end in legs:
        steps = int(seconds * 10)
        for step in range(steps):
            strength = level + (end - level) * step / steps
            rows.append(f"{t:.1f},wlan0,wlan,02:00:00:00:00:01,1,{strength:.1f},{strength + 95:.1f},54")
            t = round(t + 0.1, 1)
        level = end
    return HEADER + "\n".join(rows) + "\n"


@pytest.fixture
def system():
    with HomewardSystem("signal") as net:
        net.mn.config["handover"] = {"hold_down": "300 ms"}
        yield net


def started(system, trace, **keys):
    system.replay_signal(trace, **keys)
    system.start()
    system.mn.wait_synchronised()
    pair = system.flow_pair(6100, RATE)
    more(pair, 50)
    return pair


def wlan(system):
    return system.mn.admin.uplinks()["wlan"]


def labels_at_home_agent(system):
    (binding,) = system.ha.admin.get("/v1/bindings")["bindings"]
    return sorted(uplink["label"] for uplink in binding["uplinks"] if uplink["up"])


def test_a_falling_signal_moves_the_flows_without_loss_and_a_rising_one_brings_them_back(system):
    # Away and back again: the walk goes on for long enough that a slow machine sees every leg.
    flows = started(system, walk((6, -60), (4, -90), (15, -90), (4, -55), (60, -55)))
    wait_until(lambda: wlan(system)["state"] == "draining" or not wlan(system)["usable"], "wlan to be left")
    wait_until(lambda: labels_at_home_agent(system) == [2], "the home agent to know")
    assert "signal fell" in wlan(system)["reason"]
    assert wlan(system)["signal"]["rssi_dbm"] < -80
    more(flows, 100)
    system.mn.wait_bound("wlan", timeout=60)
    assert wlan(system)["signal"]["rssi_dbm"] > -72
    more(flows, 100)
    for flow in flows:
        result = flow.stop()
        assert (result["missing"], result["duplicates"]) == ([], 0)
    assert system.mn.process.text().count("wlan is left") == 1


def test_a_weak_uplink_is_kept_while_it_is_the_only_one(system):
    flows = started(system, walk((2, -60), (1, -90), (120, -90)))
    wait_until(lambda: labels_at_home_agent(system) == [2], "wlan to be left")
    system.cell.link_down("radio")
    system.mn.wait_bound("wlan")
    more(flows, 100)
    system.cell.link_up("radio")
    wait_until(lambda: labels_at_home_agent(system) == [2], "the stronger uplink to take over again")
    more(flows, 50)


def test_a_bad_trace_stops_the_start(system):
    file = system.mn.directory / "links.csv"
    file.write_text(HEADER + "0,wlan0,wlan,,1,20,,\n")
    system.mn.config["signal"] = {"source": "replay", "trace": str(file)}
    system.mn.start(wait=False)
    assert system.mn.process.wait(20) == 1
    assert "links.csv:3: rssi_dbm" in system.mn.process.text()


def test_where_there_is_no_wifi_the_agent_says_so_once(system):
    system.start()
    if system.mn.admin.status()["signal_source"]:
        pytest.skip("this kernel has WiFi")
    assert system.mn.process.text().count("signal strength is not known") == 1
    assert "nl80211" in system.mn.admin.status()["signal_reason"]
