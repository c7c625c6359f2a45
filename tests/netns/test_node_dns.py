"""DNS servers inside the tunnel. The agent and the program that asks have an /etc of their own.

    mn ──wlan0── ap ── core ── ha (DPDK) ── ftp, where the DNS server is
"""

import pathlib
import shutil
import sys

import pytest
from harness.homeward import FTP_SERVER, HOME_ADDRESS, HomewardSystem, binary, unmet_needs
from harness.process import wait_until
from harness.yaml import dump

pytestmark = pytest.mark.skipif(bool(unmet_needs()), reason=unmet_needs() or "-")

SERVER = pathlib.Path(__file__).with_name("name_server.py")
BEFORE = "search example.org\nnameserver 10.1.1.1\noptions timeout:1 attempts:1\n"
DIRECTORY = 'mount --bind "$1" /etc && shift && exec "$@"'
FILE = 'mount --bind "$1" /etc && mount --bind "$1/file" /etc/resolv.conf && shift && exec "$@"'


@pytest.fixture(params=[DIRECTORY, FILE], ids=["file", "mount-point"])
def system(request):
    with HomewardSystem("dns") as net:
        net.etc = net.directory / "etc"
        shutil.copytree("/etc", net.etc, symlinks=True, ignore_dangling_symlinks=True)
        net.conf = net.etc / "resolv.conf"
        net.conf.unlink(missing_ok=True)
        net.conf.write_text(BEFORE)
        if request.param == FILE:
            net.conf.rename(net.etc / "file")
            net.conf.touch()
            net.conf = net.etc / "file"
        net.enclosed = ["unshare", "--mount", "sh", "-c", request.param, "sh", net.etc]
        net.mn.config["routing"] = {"dns": [FTP_SERVER], "kill_switch": "on"}
        net.ha.admit(net.mn)
        net.ha.start()
        net.names = net.ftp.start("names", [sys.executable, SERVER, FTP_SERVER, "198.18.0.99"])
        net.names.wait_for_output("ready")
        yield net


def start(net):
    net.mn.config_file.write_text(dump(net.mn.config))
    net.mn.process = net.mn_ns.start("homeward-mn", [*net.enclosed, binary("homeward-mn"), "--config", net.mn.config_file])
    net.mn.process.wait_ready(lambda: net.mn.bound(), "registering")


def resolve(net, name):
    done = net.mn_ns.run(*net.enclosed, "getent", "ahostsv4", name, check=False)
    return done.stdout.split()[:1]


def test_names_are_asked_for_inside_the_tunnel_and_the_file_comes_back(system):
    net = system
    start(net)
    text = net.conf.read_text()
    assert f"nameserver {FTP_SERVER}" in text and "10.1.1.1" not in text
    assert "search example.org" in text and "options timeout:1" in text
    assert resolve(net, "node.test") == ["198.18.0.99"]
    assert HOME_ADDRESS in net.names.text()
    assert net.mn.process.stop() == 0
    assert net.conf.read_text() == BEFORE
    assert not list(net.etc.glob("*homeward*"))


def test_a_killed_run_keeps_the_servers_and_the_next_end_gives_the_file_back(system):
    net = system
    start(net)
    net.mn.process.kill()
    wait_until(lambda: "homeward0" not in net.mn_ns.devices(), "the interface to go with the agent")
    assert f"nameserver {FTP_SERVER}" in net.conf.read_text(), "the premise: kill -9 leaves it"
    start(net)
    assert resolve(net, "again.test") == ["198.18.0.99"]
    assert net.mn.process.stop() == 0
    assert net.conf.read_text() == BEFORE


def test_without_the_key_the_next_start_gives_the_file_back(system):
    net = system
    start(net)
    net.mn.process.kill()
    wait_until(lambda: "homeward0" not in net.mn_ns.devices(), "the interface to go with the agent")
    del net.mn.config["routing"]
    start(net)
    assert net.conf.read_text() == BEFORE
    assert "put back /etc/resolv.conf" in net.mn.process.text()
