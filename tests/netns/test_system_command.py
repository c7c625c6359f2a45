"""`homeward` on both sides of a running system.

    mn ──wlan0── ap ── core ── ha ── lan ── ftp, video
     └─rmnet0── cell (NAT) ──┘
"""

import json
import signal

import pytest
from harness.build import binary
from harness.homeward import FTP_SERVER, HOME_ADDRESS, KEY, VIDEO_SERVER, HomewardSystem
from harness.process import wait_until

SHOWN = ["", "bindings", "uplinks", "policy", "drops", "stats"]


@pytest.fixture(scope="module")
def system():
    with HomewardSystem("command") as net:
        net.start()
        net.mn.wait_synchronised()
        net.mn_ns.ping(FTP_SERVER)
        yield net


@pytest.mark.parametrize("side", ["mn", "ha"])
@pytest.mark.parametrize("what", SHOWN)
def test_show_on_both_sides(system, side, what):
    node = getattr(system, side)
    if (side, what) == ("mn", "bindings"):
        assert node.command("show", what, check=False).returncode != 0
        return
    words = ["show", *([what] if what else [])]
    text = node.command(*words).stdout
    assert text.strip() and "\033" not in text and KEY not in text
    assert json.loads(node.command(*words, "--json").stdout)


def test_show_names_what_matters(system):
    at_node, at_home = system.mn.command("show").stdout, system.ha.command("show", "bindings").stdout
    for text in (at_node, at_home):
        assert HOME_ADDRESS in text
    assert "wlan" in at_node and "cellular" in at_node and "10.1.1.2" in at_home and "203.0.113.2" in at_home


@pytest.mark.parametrize("address, uplink, rule", [(VIDEO_SERVER, "cellular", "video"), (FTP_SERVER, "wlan", None)])
def test_route_get_says_which_and_why(system, address, uplink, rule):
    answer = json.loads(system.mn.command("route", "get", address, "--json").stdout)
    assert answer["chosen"] == uplink
    assert (answer["rule"] or {}).get("name") == rule
    assert uplink in system.mn.command("route", "get", address).stdout


def test_an_uplink_is_drained_and_taken_up_again_and_monitor_tells(system):
    monitor = system.mn_ns.start("monitor", [binary("homeward"), "--socket", system.mn.admin.path, "monitor"])
    wait_until(lambda: monitor.running(), "monitor")
    system.mn.command("uplink", "wlan", "drain")
    wait_until(lambda: system.mn.admin.uplinks()["wlan"]["state"] == "down", "wlan to be given up")
    system.mn.command("uplink", "wlan", "up")
    system.mn.wait_bound()
    wait_until(lambda: "wlan" in monitor.text(), "the events of wlan")
    assert monitor.stop(signal.SIGINT) in (0, 130, -signal.SIGINT)


@pytest.mark.parametrize("words, code", [
    (["uplink", "lan", "drain"], 1),
    (["uplink", "wlan", "fly"], 2),
    (["show", "nothing"], 2),
    (["route", "get", "300.1.1.1"], 1),
])
def test_what_cannot_be_done_has_a_reason_and_an_exit_code(system, words, code):
    done = system.mn.command(*words, check=False)
    assert done.returncode in (code, 2) and done.returncode != 0
    assert (done.stderr + done.stdout).strip()


def test_check_and_reload(system):
    assert system.mn.command("check", system.mn.config_file).returncode == 0
    assert system.ha.command("check", system.ha.config_file).returncode == 0
    assert system.mn.command("reload").returncode == 0
    good = system.mn.policy_file.read_text()
    system.mn.write_policy("default: [wlan]\nrules: 7\n")
    refused = system.mn.command("reload", check=False)
    assert refused.returncode == 1 and "policy.yaml:2" in refused.stderr
    assert system.mn.command("check", system.mn.config_file, check=False).returncode == 1
    system.mn.write_policy(good)
    assert system.mn.command("reload").returncode == 0
