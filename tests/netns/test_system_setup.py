"""Wrong, missing or late: one clear line and exit 1 at the start, retries at run time.

    mn ──wlan0── ap ── core ── ha ── lan ── ftp
     └─rmnet0── cell (NAT) ──┘
"""

import pathlib

import pytest
from harness.build import binary
from harness.homeward import FTP_SERVER, HomewardSystem
from harness.process import wait_until


@pytest.fixture
def system():
    with HomewardSystem("setup") as net:
        net.ha.admit(net.mn)
        yield net


def last_words(process):
    assert process.wait(30) == 1, process.text()
    return process.text().strip().splitlines()


@pytest.mark.parametrize("change, words", [
    (lambda c: c["ports"][0].update(device="net_af_xdp0,iface=eth7"), ["access", "eth7"]),
    (lambda c: c["ports"][0].update(device="net_nonsense0"), ["access"]),
    (lambda c: c["ports"][0].update(colour="red"), ["ha.yaml:", "colour"]),
    (lambda c: c.update(dataplane={"huge_pages": "always", "memory": "64 GB"}), ["huge"]),
])
def test_a_data_plane_that_cannot_start_says_why_in_one_line(system, change, words):
    system.ha.write_config()
    system.ha.start_control()
    change(system.ha.config)
    system.ha.write_config()
    process = system.ha_ns.start("bad", [binary("homeward-dataplane"), "--config", system.ha.config_file])
    lines = last_words(process)
    assert all(word in lines[-1] for word in words), lines


def test_without_huge_pages_it_works(system):
    system.ha.config["dataplane"] = {"huge_pages": "never"}
    system.start()
    assert system.mn_ns.ping(FTP_SERVER, count=2).returncode == 0


def test_with_huge_pages_it_works(system):
    setting = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    had = setting.read_text()
    setting.write_text(str(int(had) + 256))
    try:
        if int(setting.read_text()) < int(had) + 256:
            pytest.skip("no memory for 256 huge pages")
        system.ha.config["dataplane"] = {"huge_pages": "always", "memory": "256 MB"}
        system.start()
        assert system.mn_ns.ping(FTP_SERVER, count=2).returncode == 0
        system.ha.dataplane.stop()
    finally:
        setting.write_text(had)


def test_two_workers_forward_too(system):
    system.ha.config["dataplane"] = {"workers": 2}
    system.start()
    assert system.mn_ns.ping(FTP_SERVER, count=5).returncode == 0


def test_a_registration_port_in_use_is_named_and_tried_again(system):
    squatter = system.ha_ns.start("squatter", ["/usr/bin/python3", "-c", "import socket, time\ns = socket.socket(2, 2)\n"
                                               "s.bind(('', 434))\nprint('ready', flush=True)\ntime.sleep(100)"])
    squatter.wait_for_output("ready")
    system.ha.write_config()
    system.ha.start_control()
    system.ha.start_dataplane()
    wait_until(lambda: "434" in system.ha.admin.status()["last_error"], "the reason in the status")
    squatter.stop()
    system.mn.start()
    assert system.mn_ns.ping(FTP_SERVER, count=2).returncode == 0


def test_the_node_waits_for_its_home_agent(system):
    system.mn.start(wait=False)
    wait_until(lambda: system.mn.admin.status() is not None, "the agent to answer")
    wait_until(lambda: all(u["state"] == "registering" for u in system.mn.admin.uplinks().values()), "registering")
    assert system.mn.process.running()
    system.ha.start()
    system.mn.wait_bound(timeout=40)
    assert system.mn_ns.ping(FTP_SERVER, count=2).returncode == 0


def test_the_data_plane_waits_for_control(system):
    system.ha.write_config()
    system.ha.start_control()
    system.ha.control.stop()
    system.ha.start_dataplane(wait=False)
    system.ha.start_control()
    wait_until(lambda: system.ha.connected(), "the data plane to connect")
    system.mn.start()
    assert system.mn_ns.ping(FTP_SERVER, count=2).returncode == 0


def test_a_home_agent_that_is_stopped_leaves_in_good_order(system):
    system.start()
    assert system.mn.process.stop() == 0
    wait_until(lambda: not system.ha.admin.get("/v1/bindings")["bindings"], "the node to deregister")
    assert system.ha.dataplane.stop() == 0
    assert system.ha.control.stop() == 0
