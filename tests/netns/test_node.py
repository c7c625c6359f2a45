"""homeward-mn alone: what it needs, what it changes on the machine, and that it leaves nothing behind. No home agent
answers here; test_node_traffic.py has one.

    mn ──wlan0── ap        mn ──rmnet0── cell
"""

import pytest
from harness.build import binary
from harness.homeward import HomewardSystem, write_secret
from harness.process import run, wait_until
from harness.yaml import dump

PRIORITIES = range(4340, 4344)


@pytest.fixture
def system():
    with HomewardSystem("node") as net:
        yield net


def start(system):
    """Starts the node and waits until it has taken its uplinks; none of them will be bound."""
    system.mn.start(wait=False)
    system.mn.process.wait_ready(lambda: system.mn.admin.status(), "answering")


def picture(node):
    """Everything of routing that the agent could have touched."""
    commands = [("rule",), ("-6", "rule"), ("route", "show", "table", "all"), ("-6", "route", "show", "table", "all"),
                ("-br", "addr"), ("-br", "link")]
    return {" ".join(words): node.ip(*words).stdout for words in commands}


def own_rules(node):
    return [line for line in node.ip("rule").stdout.splitlines() if "proto 72" in line]


def uplink(system, name):
    return system.mn.admin.uplinks()[name]


def fails_to_start(system, *prefix):
    """Runs the daemon to its end; returns what it said. It must have been one line and status 1."""
    system.mn.config_file.write_text(dump(system.mn.config))
    done = system.mn_ns.run(*prefix, str(binary("homeward-mn")), "--config", str(system.mn.config_file), check=False,
                            timeout=20)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("homeward-mn: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def without(*capabilities):
    dropped = ",".join(f"-{name}" for name in capabilities)
    return ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}"]


def test_on_exit_everything_is_as_it_was(system):
    before = picture(system.mn_ns)
    start(system)
    assert picture(system.mn_ns) != before
    assert system.mn.process.stop() == 0
    assert picture(system.mn_ns) == before


def test_what_a_killed_run_left_is_removed(system):
    before = picture(system.mn_ns)
    start(system)
    rules = own_rules(system.mn_ns)
    system.mn.process.kill()
    assert own_rules(system.mn_ns) == rules, "the premise: kill -9 leaves rules"
    start(system)
    assert own_rules(system.mn_ns) == rules
    assert f"removed {len(rules) + 1} routing rules" in system.mn.process.text()
    assert system.mn.process.stop() == 0
    assert picture(system.mn_ns) == before


def test_a_killed_run_does_not_cut_the_node_off(system):
    start(system)
    system.mn.process.kill()
    assert system.mn_ns.ping("10.1.1.1").returncode == 0


def test_the_default_route_is_the_tunnel_for_all_but_its_own_sockets(system):
    start(system)
    route = system.mn_ns.ip("route", "get", "198.18.0.1").stdout
    assert "dev homeward0" in route and f"src {system.mn.home_address}" in route
    # The home agent's own services are reached inside.
    assert "dev homeward0" in system.mn_ns.ip("route", "get", "192.147.23.11").stdout
    for device, source in (("wlan0", "10.1.1.2"), ("rmnet0", "10.64.0.2")):
        assert f"dev {device}" in system.mn_ns.ip("route", "get", "192.147.23.11", "from", source).stdout
        assert f"dev {device}" in system.mn_ns.ip("route", "get", "192.147.23.11", "from", source, "oif", device).stdout


def test_chosen_prefixes_and_exclusions(system):
    system.mn.config["routing"] = {"routes": ["158.132.10.0/24", "203.0.0.0/8"], "excluded": ["203.0.113.0/24"]}
    start(system)
    ways = {"158.132.10.178": "homeward0", "203.9.9.9": "homeward0", "192.147.23.11": "homeward0",
            "203.0.113.1": "wlan0", "198.18.0.1": "wlan0"}
    for destination, device in ways.items():
        assert f"dev {device}" in system.mn_ns.ip("route", "get", destination).stdout, destination


@pytest.mark.parametrize("ipv6, reachable", [("block", False), ("leave", True)])
def test_ipv6(system, ipv6, reachable):
    for namespace, device in ((system.mn_ns, "wlan0"), (system.ap, "wlan"), (system.ap, "lo")):
        namespace.run("sysctl", "-qw", f"net/ipv6/conf/{device}/disable_ipv6=0")
    system.mn_ns.ip("address", "add", "2001:db8:1::2/64", "dev", "wlan0", "nodad")
    system.mn_ns.ip("-6", "route", "add", "default", "via", "2001:db8:1::1")
    system.ap.ip("address", "add", "2001:db8:1::1/64", "dev", "wlan", "nodad")
    system.ap.ip("address", "add", "2001:db8:2::1/64", "dev", "lo", "nodad")
    wait_until(lambda: system.mn_ns.ping("2001:db8:2::1").returncode == 0, "IPv6 works before")
    system.mn.config["tunnel"] = {"ipv6": ipv6}
    start(system)
    assert (system.mn_ns.ping("2001:db8:2::1").returncode == 0) == reachable
    assert (system.mn_ns.ping("2001:db8:1::1").returncode == 0) == reachable
    # The link's own signalling is not the tunnel's business.
    assert "fe80::" not in system.mn_ns.ip("-6", "route", "get", "fe80::1", "oif", "wlan0").stdout.split("dev")[1]
    assert system.mn.process.stop() == 0
    assert system.mn_ns.ping("2001:db8:2::1").returncode == 0


def test_classification_falls_back_to_user_space_and_says_why(system):
    system.mn.config_file.write_text(dump(system.mn.config))
    system.mn.process = system.mn_ns.start("homeward-mn", [*without("bpf", "sys_admin"), binary("homeward-mn"), "--config",
                                                          system.mn.config_file])
    system.mn.process.wait_ready(lambda: system.mn.admin.status(), "answering")
    status = system.mn.admin.status()
    assert status["steering"] == "user-space"
    assert "CAP_BPF" in status["steering_reason"]
    assert system.mn.process.text().count("classified in user space") == 1


def test_require_bpf_refuses_the_fallback(system):
    system.mn.config["tunnel"] = {"require_bpf": True}
    assert "require_bpf" in fails_to_start(system, *without("bpf", "sys_admin"))


def test_no_permission(system):
    said = fails_to_start(system, *without("net_admin"))
    assert "CAP_NET_ADMIN" in said


def test_a_second_agent_is_refused_and_changes_nothing(system):
    start(system)
    before = picture(system.mn_ns)
    assert "mn.sock" in fails_to_start(system)
    system.mn.config["node"]["admin_socket"] = str(system.mn.directory / "other.sock")
    assert "homeward0" in fails_to_start(system)
    assert picture(system.mn_ns) == before


def test_bad_configuration_names_the_place(system):
    system.mn.write_policy("default: [wlan]\nrules:\n  - correspondent: 1.2.3.4/99\n    prefer: [wlan]\n")
    said = fails_to_start(system)
    assert "policy.yaml:3" in said


def test_a_missing_interface_is_shown_until_it_appears(system):
    system.cell.ip("link", "del", "radio")
    start(system)
    assert uplink(system, "cellular")["state"] == "down"
    assert uplink(system, "cellular")["reason"] == "no such interface"
    system.veth(system.mn_ns, "rmnet0", system.cell, "radio")
    wait_until(lambda: uplink(system, "cellular")["reason"] == "no IPv4 address", "the interface is seen")
    system.mn_ns.address("rmnet0", "10.64.0.2/24")
    system.mn_ns.route("default", "via", "10.64.0.1", "dev", "rmnet0", "metric", "300")
    wait_until(lambda: uplink(system, "cellular")["state"] == "registering", "the uplink is taken")
    assert uplink(system, "cellular")["gateway"] == "10.64.0.1"


def test_a_renewed_lease_is_not_a_change(system):
    start(system)
    port = uplink(system, "wlan")["port"]
    # What a DHCP client does at every renewal.
    system.mn_ns.ip("address", "change", "10.1.1.2/24", "dev", "wlan0", "valid_lft", "600", "preferred_lft", "600")
    system.mn_ns.ip("route", "replace", "default", "via", "10.1.1.1", "dev", "wlan0", "metric", "101")
    system.mn_ns.ip("address", "add", "10.1.1.99/32", "dev", "rmnet0")  # a change that is seen, behind the others
    wait_until(lambda: uplink(system, "cellular")["address"] == "10.64.0.2", "notifications are read")
    assert "moved" not in system.mn.process.text()
    assert uplink(system, "wlan")["port"] == port


def test_a_new_address_moves_rule_and_socket_and_keeps_the_port(system):
    start(system)
    port = uplink(system, "wlan")["port"]
    system.mn_ns.run("sysctl", "-qw", "net/ipv4/conf/all/promote_secondaries=1")
    system.mn_ns.ip("address", "add", "10.1.1.77/24", "dev", "wlan0")
    system.mn_ns.ip("address", "del", "10.1.1.2/24", "dev", "wlan0")
    wait_until(lambda: uplink(system, "wlan")["address"] == "10.1.1.77", "the new address is used")
    assert any("from 10.1.1.77" in rule for rule in own_rules(system.mn_ns))
    assert not any("from 10.1.1.2 " in rule for rule in own_rules(system.mn_ns))
    assert uplink(system, "wlan")["port"] == port


def test_the_interface_has_the_mtu_of_the_narrowest_uplink(system):
    system.mn_ns.ip("link", "set", "rmnet0", "mtu", "1400")
    start(system)
    assert "mtu 1368" in system.mn_ns.ip("link", "show", "homeward0").stdout
    system.mn_ns.ip("link", "set", "rmnet0", "mtu", "1300")
    wait_until(lambda: "mtu 1268" in system.mn_ns.ip("link", "show", "homeward0").stdout, "a smaller uplink")
    system.mn_ns.ip("link", "set", "rmnet0", "mtu", "1500")
    wait_until(lambda: "mtu 1468" in system.mn_ns.ip("link", "show", "homeward0").stdout, "a larger uplink")


def test_a_bad_reload_changes_nothing_and_says_where(system):
    start(system)
    before = system.mn.admin.get("/v1/policy")
    system.mn.write_policy("default: [wlan, nosuch]\nrules: []\n")
    with pytest.raises(Exception, match="422.*policy.yaml:1.*nosuch"):
        system.mn.reload()
    assert system.mn.admin.get("/v1/policy") == before
    assert "nosuch" in system.mn.admin.status()["last_error"]


def test_a_reload_names_what_needs_a_restart_and_applies_the_rest(system):
    start(system)
    system.mn.config["handover"] = {"hold_down": "7s"}
    system.mn.config["registration"] = {"lifetime": "30s"}
    system.mn.config["tunnel"] = {"mtu": 1300}
    system.mn.config_file.write_text(dump(system.mn.config))
    assert system.mn.reload() == {"applied": True, "needs_restart": ["tunnel.mtu"]}


def test_route_get_says_why(system):
    start(system)
    answer = system.mn.admin.get("/v1/route?to=158.132.10.178")
    assert answer["rule"]["name"] == "video"
    assert answer["uplinks"] == ["cellular", "wlan"]
    assert answer["chosen"] is None
    assert "not usable (registering)" in answer["why"]


def test_the_program_prints_its_version():
    assert run([binary("homeward-mn"), "--version"]).stdout.strip()


def test_the_tun_device_may_be_where_android_has_it(system):
    """/dev/tun, and no /dev/net at all."""
    own_dev = "mount -t tmpfs dev /dev && mknod /dev/tun c 10 200 && mknod /dev/null c 1 3 && exec \"$@\""
    write_secret(system.mn.config_file, dump(system.mn.config))
    process = system.mn_ns.start("homeward-mn", ["unshare", "--mount", "sh", "-c", own_dev, "sh", binary("homeward-mn"),
                                                 "--config", system.mn.config_file])
    process.wait_ready(lambda: system.mn.admin.status(), "answering")
    assert "homeward0" in system.mn_ns.devices()
    assert process.stop() == 0
