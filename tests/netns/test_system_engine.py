"""A selection engine in the running agent: what it decides moves real flows, in both directions, without losing any.

    mn ──wlan0── ap ── core ── ha ── lan ── ftp     UDP flows in both directions, numbered
     └─rmnet0── cell (NAT) ──┘
"""

import json

import pytest
from harness.homeward import HomewardSystem, more
from harness.process import HarnessError, wait_until

RATE = 200
HEADER = "# mn-trace v1\nt_s,iface,tech,bssid,connected,rssi_dbm,rate_mbps\n"
DEFAULT = {"default": ["wlan", "cellular"]}


def levels(*stretches):
    """(seconds, WLAN's dBm): ten rows a second; the cellular link is the same all the time."""
    rows, t = [], 0.0
    for seconds, level in stretches:
        for _ in range(int(seconds * 10)):
            rows.append(f"{t:.1f},wlan0,wlan,02:00:00:00:00:01,1,{level},20")
            rows.append(f"{t:.1f},rmnet0,lte,,1,-75,10")
            t = round(t + 0.1, 1)
    return HEADER + "\n".join(rows) + "\n"


@pytest.fixture
def system():
    with HomewardSystem("engine") as net:
        net.mn.config["handover"] = {"hold_down": "300 ms"}
        net.mn.write_policy(DEFAULT)
        yield net


def started(system, trace, engine):
    system.replay_signal(trace)
    system.mn.config["engine"] = engine
    system.start()
    system.mn.wait_synchronised()
    pair = system.flow_pair(6100, RATE)
    more(pair, 50)
    return pair


def engine_of(system):
    return system.mn.admin.get("/v1/engine")


def packets(system, name):
    uplink = system.mn.admin.uplinks()[name]
    return uplink["tx_packets"], uplink["rx_packets"]


def carries(system, flows, name):
    """Both directions go by the uplink: what arrives meanwhile is counted there."""
    def grown():
        before = packets(system, name)
        more(flows, 50)
        after = packets(system, name)
        return all(b - a >= 40 for a, b in zip(before, after))
    wait_until(grown, f"both directions on {name}", timeout=30)


def reload_engine(system, engine):
    system.mn.config["engine"] = engine
    from harness.yaml import dump
    system.mn.config_file.write_text(dump(system.mn.config))
    system.mn.command("reload")


def test_flows_follow_the_engine_there_and_back_without_loss(system):
    # Long stretches: the walk is not over before a slow machine saw all of it.
    flows = started(system, levels((8, -50), (12, -85), (60, -50)), {"use": "strongest", "interval": "200 ms"})
    wait_until(lambda: engine_of(system)["serving"] == "cellular", "the engine to leave wlan", timeout=30)
    carries(system, flows, "cellular")
    wait_until(lambda: system.mn.admin.get("/v1/policy")["default"] == ["cellular", "wlan"], "the policy to say so")
    assert system.mn.admin.uplinks()["wlan"]["usable"], "the uplink stays bound: make before break"
    wait_until(lambda: engine_of(system)["serving"] == "wlan", "the engine to return", timeout=40)
    carries(system, flows, "wlan")
    for flow in flows:
        result = flow.stop()
        assert (result["missing"], result["duplicates"]) == ([], 0)
    seen = engine_of(system)
    assert [change["to"] for change in seen["recent"]][-2:] == ["cellular", "wlan"]
    assert seen["recent"][-1]["reason"] == "better"
    text = system.mn.command("show", "engine").stdout
    assert "engine: strongest, by wlan now" in text and "better" in text


def test_a_dead_uplink_is_never_kept_and_the_engine_is_changed_by_reload(system):
    flows = started(system, levels((300, -50)), {"use": "strongest", "interval": "200 ms"})
    system.ap.link_down("wlan")
    wait_until(lambda: engine_of(system)["serving"] == "cellular", "cellular to stand in")
    more(flows, 50)
    system.ap.link_up("wlan")
    system.mn.wait_bound("wlan")
    wait_until(lambda: engine_of(system)["serving"] == "wlan", "the stronger signal to be taken again")
    reload_engine(system, {"use": "static", "static": {"order": ["cellular", "wlan"]}})
    wait_until(lambda: engine_of(system)["engine"] == "static" and engine_of(system)["serving"] == "cellular", "the new engine")
    more(flows, 50)
    reload_engine(system, "none")
    wait_until(lambda: engine_of(system)["engine"] is None, "no engine")
    wait_until(lambda: system.mn.admin.get("/v1/policy")["default"] == ["wlan", "cellular"], "the default as it is written")
    carries(system, flows, "wlan")


def test_a_bad_engine_changes_nothing(system):
    started(system, levels((300, -50)), "strongest")
    with pytest.raises(HarnessError, match="engine.strongest.hysteresis"):
        reload_engine(system, {"use": "strongest", "strongest": {"hysteresis": 3}})
    assert engine_of(system)["engine"] == "strongest"


def test_scores_teach_the_closed_loop(system):
    started(system, levels((300, -50)), {"use": "closed-loop", "interval": "200 ms",
                                         "links": {"cellular": {"cost_per_mb": 0.02}, "wlan": {"cost_per_mb": 0}}})
    before = engine_of(system)["preference"]
    answer = json.loads(system.mn.command("feedback", "energy=+2", "performance=-2", "--json").stdout)["preference"]
    assert answer["energy"] > before["energy"] and answer["performance"] < before["performance"]
    with pytest.raises(HarnessError, match="energy: a number from -2 to 2"):
        system.mn.command("feedback", "energy=7")
    assert "wanted: performance" in system.mn.command("show", "consequences").stdout
