"""A selection engine in the running agent: what it decides moves real flows, in both directions, without losing any.

    mn ──wlan0── ap ── core ── ha ── lan ── ftp     UDP flows in both directions, numbered
     └─rmnet0── cell (NAT) ──┘
"""

import json
import pathlib

import pytest
from harness.homeward import FTP_SERVER, HomewardSystem, more
from harness.process import HarnessError, wait_until

HERE = pathlib.Path(__file__).resolve().parent
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


def test_what_was_learned_outlives_the_agent_and_a_bad_file_is_refused(system):
    state = system.mn.directory / "learned"
    started(system, levels((300, -50)), {"use": "closed-loop", "interval": "200 ms", "state": str(state)})
    usual = engine_of(system)["preference"]
    system.mn.command("feedback", "energy=+2", "performance=-2")
    taught = engine_of(system)["preference"]
    assert taught != usual
    system.mn.process.stop()
    file = state / "closed-loop.learned"
    assert file.stat().st_mode & 0o777 == 0o600
    system.mn.start()
    assert engine_of(system)["preference"] == pytest.approx(taught, abs=0.01), "wishes fade with days"
    system.mn.process.stop()
    file.write_text("somebody else's notes\n")
    system.mn.start()
    assert engine_of(system)["preference"] == usual
    assert f"{file}: not what this release of homeward-mn writes, and left alone; closed-loop begins without it" in system.mn.process.text()
    system.mn.process.stop()
    assert file.read_text() == "somebody else's notes\n"


def rates(*stretches):
    """(seconds, WLAN's Mbit/s, cellular's)"""
    rows, t = [], 0.0
    for seconds, wlan, cellular in stretches:
        for _ in range(int(seconds * 10)):
            rows.append(f"{t:.1f},wlan0,wlan,02:00:00:00:00:01,1,-50,{wlan}")
            rows.append(f"{t:.1f},rmnet0,lte,,1,-75,{cellular}")
            t = round(t + 0.1, 1)
    return HEADER + "\n".join(rows) + "\n"


class EchoFlows:
    """Datagrams to several ports of the server, which sends them back: 250 a second and 0.9 Mbit/s each, both ways together."""

    def __init__(self, system, ports):
        program = ["/usr/bin/python3", str(HERE / "echo_flow.py")]
        self.processes = []
        for port in ports:
            server = system.ftp.start(f"echo-{port}", [*program, "serve", FTP_SERVER, port])
            server.wait_for_output("ready")
            flow = system.mn_ns.start(f"flow-{port}", [*program, "run", FTP_SERVER, port, 600, 4])
            flow.wait_for_output("ready")
            self.processes.append(flow)

    def stop(self):
        for process in self.processes:
            process.stop()


def shares(system):
    """Of what both uplinks carried for a while: WLAN's part, up and down."""
    before = [packets(system, name) for name in ("wlan", "cellular")]
    wait_until(lambda: packets(system, "wlan")[1] + packets(system, "cellular")[1] > before[0][1] + before[1][1] + 300, "traffic")
    after = [packets(system, name) for name in ("wlan", "cellular")]
    grown = [[b - a for a, b in zip(*pair)] for pair in zip(before, after)]
    return [grown[0][way] / max(1, grown[0][way] + grown[1][way]) for way in (0, 1)]


def rules_of(system):
    """{port: uplink} that the engine asks for, where node and home agent agree on it."""
    system.mn.wait_synchronised()
    return {flow["port"]: flow["rule"] for flow in engine_of(system)["flows"] if flow["rule"]}


def test_pareto_divides_flows_and_moves_them_when_an_uplink_becomes_slow(system):
    system.mn.write_policy({"default": ["wlan", "cellular"]})
    trace = system.mn.directory / "links.csv"
    trace.write_text(rates((40, 0.7, 0.7), (300, 0.05, 6)))
    system.mn.config["signal"] = {"source": "replay", "trace": str(trace), "interval": "100 ms"}
    system.mn.config["engine"] = {"use": "pareto", "interval": "200 ms", "flows": {"memory": "5 s"}}
    system.start()
    flows = EchoFlows(system, (7001, 7002))
    wait_until(lambda: list(rules_of(system).values()) == ["cellular"], "one of two flows to leave the uplink that both fill", timeout=30)
    wait_until(lambda: all(0.4 < part < 0.6 for part in shares(system)), "a flow on each uplink, in both directions", timeout=30)
    (moved,) = rules_of(system)
    seen = {flow["port"]: flow for flow in engine_of(system)["flows"]}
    assert {port: flow["uplink"] for port, flow in seen.items()} == {moved: "cellular", 14003 - moved: "wlan"}
    assert all(0.3 < flow["mbps"] < 2 for flow in seen.values())
    (rule,) = system.mn.admin.get("/v1/policy")["rules"]
    assert rule["name"] == "engine"
    assert FTP_SERVER in system.mn.command("show", "engine").stdout

    wait_until(lambda: list(rules_of(system).values()) == ["cellular"] * 2, "both to leave wlan once it is slow", timeout=60)
    wait_until(lambda: all(part < 0.05 for part in shares(system)), "both on cellular, in both directions", timeout=30)
    flows.stop()
    wait_until(lambda: engine_of(system)["flows"] == [] and system.mn.admin.get("/v1/policy")["rules"] == [], "rules to vanish", timeout=40)


def test_nobody_else_pays_for_counting_flows(system):
    def counted():
        filters = [system.mn_ns.tc("filter", "show", "dev", "homeward0", way).stdout for way in ("egress", "ingress")]
        return ["homeward_count" in text for text in filters]

    started(system, levels((300, -50)), "strongest")
    assert counted() == [False, False]
    reload_engine(system, "saw")
    wait_until(lambda: engine_of(system)["engine"] == "saw", "the new engine")
    wait_until(lambda: len(engine_of(system)["flows"]) == 2, "both flows to be seen")
    assert counted() == [True, True]
    system.mn_ns.tc("filter", "del", "dev", "homeward0", "ingress")
    wait_until(lambda: counted() == [True, True], "the counters to be put back")
    reload_engine(system, "strongest")
    wait_until(lambda: counted() == [False, False], "nothing to be counted")
