"""Paths that die while their link stays up, and NATs that forget, under traffic.

    mn ──wlan0── ap ── core ── ha ── lan ── ftp     UDP flows in both directions, numbered
     └─rmnet0── cell (NAT) ──┘
"""

import pathlib
import signal
import time

import pytest
from harness.flow import UdpFlow
from harness.homeward import FTP_SERVER, HOME_ADDRESS, VIDEO_SERVER, HomewardSystem, more
from harness.process import stopped_thread, wait_until

RATE = 200
FORGET = pathlib.Path(__file__).parents[1] / "harness" / "forget_mappings.py"


@pytest.fixture(scope="module")
def system():
    with HomewardSystem("probes") as net:
        net.mn.config["handover"] = {"hold_down": "500 ms"}
        net.start()
        net.mn.wait_synchronised()
        yield net


@pytest.fixture
def flows(system):
    """One flow up, one down, both running over wlan."""
    system.mn.wait_bound()
    pair = system.flow_pair(6100, RATE)
    more(pair, 50)
    yield pair
    for flow in pair:
        if flow.sender.running():
            flow.stop()


def carried(system, name):
    uplink = system.mn.admin.uplinks()[name]
    return uplink["tx_packets"], uplink["rx_packets"]


def in_use(system, flows, name):
    before = carried(system, name)
    more(flows, 60)
    return all(after - earlier > 40 for earlier, after in zip(before, carried(system, name)))


def blackhole(router, device):
    """The link stays up, packets vanish, both ways."""
    router.nft(f"""table ip hole {{ chain forward {{
        type filter hook forward priority 0
        iifname "{device}" drop
        oifname "{device}" drop
        }}
    }}""")


def end_blackhole(router):
    router.nft("delete table ip hole")


def state(system, name):
    return system.mn.admin.uplinks()[name]["state"]


def events(system):
    return system.mn.process.text()


def labels_at_home_agent(system):
    (binding,) = system.ha.admin.get("/v1/bindings")["bindings"]
    return sorted(uplink["label"] for uplink in binding["uplinks"] if uplink["up"])


def test_a_blackhole_moves_both_directions_and_life_brings_them_back(system, flows):
    for _ in range(3):
        blackhole(system.ap, "wlan")
        wait_until(lambda: state(system, "wlan") == "lost", "the dead path to be noticed")
        assert "does not answer" in system.mn.admin.uplinks()["wlan"]["reason"]
        wait_until(lambda: labels_at_home_agent(system) == [2], "the home agent to know")
        assert in_use(system, flows, "cellular")
        end_blackhole(system.ap)
        system.mn.wait_bound("wlan")
        more(flows, 20)
        assert in_use(system, flows, "wlan")
    for flow in flows:
        assert flow.stop()["duplicates"] == 0
    assert "wlan is lost" not in events(system), "its link was never away"


def test_a_path_that_comes_and_goes_is_not_taken_back(system, flows):
    blackhole(system.ap, "wlan")
    wait_until(lambda: state(system, "wlan") == "lost", "the dead path to be noticed")
    before = carried(system, "wlan")
    for _ in range(3):
        end_blackhole(system.ap)
        wait_until(lambda: state(system, "wlan") == "hold-down", "an answer")
        blackhole(system.ap, "wlan")
        wait_until(lambda: state(system, "wlan") == "lost", "the silence to be noticed again")
    assert carried(system, "wlan") == before
    end_blackhole(system.ap)
    system.mn.wait_bound("wlan")


def test_a_silent_home_agent_moves_nothing(system, flows):
    """Nobody answers on any uplink: there is no better one to move to."""
    blackhole(system.core, "ha")
    sent = system.mn.admin.counters()["probe.sent"]
    wait_until(lambda: system.mn.admin.counters()["probe.sent"] > sent + 15, "probes that nobody answers")
    assert state(system, "wlan") in ("bound", "renewing")
    end_blackhole(system.core)
    more(flows, 50)
    assert in_use(system, flows, "wlan")


def test_a_home_agent_that_pauses_moves_nothing(system):
    """A busy machine's, for about as long as a verdict takes: one uplink is probed, the other has traffic both ways."""
    system.mn.wait_bound()
    by_cellular = [UdpFlow(system.mn_ns, system.video, VIDEO_SERVER, 6102, RATE),
                   UdpFlow(system.video, system.mn_ns, HOME_ADDRESS, 6103, RATE)]
    up = UdpFlow(system.mn_ns, system.ftp, FTP_SERVER, 6104, RATE)
    before = events(system).count("is silent")
    for pause_ms in range(150, 310, 15):
        more([up, *by_cellular], 200)  # long enough for the path's patience to be its own again
        system.ha.dataplane.send(signal.SIGSTOP)
        time.sleep(pause_ms / 1000)
        system.ha.dataplane.send(signal.SIGCONT)
    more([up, *by_cellular], 100)
    assert events(system).count("is silent") == before
    for flow in (up, *by_cellular):
        flow.stop()


def tunnel_thread(process):
    """Of the node: the one that reads the uplinks' sockets."""
    names = {task: (task / "comm").read_text().strip() for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir()}
    (found,) = (int(task.name) for task, name in names.items() if name == "tunnel")
    return found


def test_a_tunnel_thread_that_gets_no_cpu_moves_nothing(system):
    """What the kernel carries goes on meanwhile, both ways by one uplink, up by the other, whose probes' answers lie unread."""
    system.mn.wait_bound()
    by_cellular = [UdpFlow(system.mn_ns, system.video, VIDEO_SERVER, 6105, RATE),
                   UdpFlow(system.video, system.mn_ns, HOME_ADDRESS, 6106, RATE)]
    up = UdpFlow(system.mn_ns, system.ftp, FTP_SERVER, 6107, RATE)
    thread = tunnel_thread(system.mn.process)
    before = events(system).count("is silent")
    for pause_ms in range(150, 1200, 150):
        more([up, *by_cellular], 200)
        with stopped_thread(thread):
            probes = system.mn.admin.counters()["probe.sent"]
            time.sleep(pause_ms / 1000)
            wait_until(lambda before=probes: system.mn.admin.counters()["probe.sent"] > before, "the rest of the node going on")
    more([up, *by_cellular], 100)
    assert events(system).count("is silent") == before
    blackhole(system.ap, "wlan")
    wait_until(lambda: state(system, "wlan") == "lost", "a path that is dead")
    end_blackhole(system.ap)
    for flow in (up, *by_cellular):
        flow.stop()


def change_mapping(router, first_port):
    """The NAT restarts: mappings are gone, new ones have other ports."""
    router.nft(f"""flush table ip nat
    table ip nat {{ chain postrouting {{
        type nat hook postrouting priority srcnat
        oifname "core" meta l4proto {{ tcp, udp }} masquerade to :{first_port}-{first_port + 999}
        }}
    }}""")
    router.run("/usr/bin/python3", str(FORGET))


def port_at_home_agent(system, label):
    (binding,) = system.ha.admin.get("/v1/bindings")["bindings"]
    return {uplink["label"]: uplink["port"] for uplink in binding["uplinks"]}.get(label)


def test_a_nat_that_forgot_is_repaired_under_traffic(system):
    system.mn.write_policy({"default": ["cellular", "wlan"]})
    system.mn.reload()
    system.mn.wait_synchronised()
    pair = system.flow_pair(6200, RATE)
    more(pair, 50)
    for first_port in (20000, 30000, 40000):
        change_mapping(system.cell, first_port)
        wait_until(lambda: first_port <= (port_at_home_agent(system, 2) or 0) < first_port + 1000,
                   "the home agent to know the new mapping")
        more(pair, 50)
        # On a busy machine the verdict may overtake the reply; then the flows were away for a hold-down.
        system.mn.wait_bound("cellular")
        assert in_use(system, pair, "cellular")
    assert all(flow.stop()["duplicates"] == 0 for flow in pair)


def test_the_only_uplink_behind_a_nat_that_forgot_is_repaired(system):
    system.ap.link_down("wlan")
    wait_until(lambda: labels_at_home_agent(system) == [2], "only the cellular binding to be left")
    pair = system.flow_pair(6300, RATE)
    more(pair, 50)
    change_mapping(system.cell, 50000)
    more(pair, 100)
    assert 50000 <= port_at_home_agent(system, 2) < 51000
    for flow in pair:
        flow.stop()
    system.ap.link_up("wlan")
    system.mn.wait_bound()


def test_what_probes_find_is_shown(system):
    pair = [UdpFlow(system.mn_ns, system.ftp, FTP_SERVER, 6400, RATE)]
    more(pair, 300)
    uplink = system.mn.admin.uplinks()["cellular"]
    pair[0].stop()
    assert uplink["rtt_ms"] > 0 and uplink["rtt_var_ms"] >= 0 and uplink["jitter_ms"] >= 0
    assert 0 <= uplink["loss"] < 1
    assert uplink["rate_up_bps"] > 0.5 * RATE * 200 * 8
    metrics = system.mn.namespace.run("curl", "-s", "--unix-socket", str(system.mn.admin.path), "http://mn/metrics").stdout
    assert 'homeward_uplink_round_trip_seconds{uplink="cellular"}' in metrics
    said = system.mn.command("show", "uplinks").stdout
    assert "jitter" in said and "loss" in said


def test_an_idle_node_sends_no_probes(system):
    """Registrations and keepalives alone, as rare as they are configured."""
    counts = []

    def is_quiet():
        counts.append(system.mn.admin.counters())
        return len(counts) > 1 and counts[-1]["probe.sent"] == counts[-2]["probe.sent"]

    wait_until(is_quiet, "what the last test left to die down", interval=1.5)
    before = counts[-1]
    wait_until(lambda: system.mn.admin.counters()["registration.requests_sent"] > before["registration.requests_sent"],
               "the next renewal", timeout=60)
    assert system.mn.admin.counters()["probe.sent"] == before["probe.sent"]
