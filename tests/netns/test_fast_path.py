"""The node's fast path with the real daemons: packets that never visit user space, and the way back to user space.

    mn ──wlan0── ap ───────┐
     │                     ├── core ── ha (DPDK) ── ftp, video
     └──rmnet0── cell(NAT)─┘
"""

import json
import pathlib
import struct
import sys

import pytest
from harness import forge, mip
from harness.capture import read_pcap
from harness.homeward import FTP_SERVER, HOME_ADDRESS, HOME_AGENT, VIDEO_SERVER, HomewardSystem, binary, unmet_needs
from harness.process import wait_until
from harness.yaml import dump

pytestmark = pytest.mark.skipif(bool(unmet_needs()), reason=unmet_needs() or "-")

FLOW = pathlib.Path(__file__).with_name("echo_flow.py")
WIRE = pathlib.Path(__file__).with_name("point_to_point.py")
PORT = 7000


@pytest.fixture
def system():
    with HomewardSystem("fast") as net:
        net.mn_ns.rp_filter(1)
        yield net


def serve(net):
    for namespace, address in ((net.ftp, FTP_SERVER), (net.video, VIDEO_SERVER)):
        namespace.start("echo", [sys.executable, FLOW, "serve", address, PORT]).wait_for_output("ready")


def started(net):
    net.start()
    serve(net)
    return net


def paths(net):
    return {name: (uplink["path_up"]["path"], uplink["path_down"]["path"]) for name, uplink in net.mn.admin.uplinks().items()}


def reasons(net, direction):
    return {uplink[f"path_{direction}"]["reason"] for uplink in net.mn.admin.uplinks().values()}


def flow(net, server=FTP_SERVER, seconds=1):
    """A numbered flow to a server and back, every 5 ms, none missing; returns what the counters grew by."""
    before = net.mn.admin.counters()
    process = net.mn_ns.start(f"flow{len(net.processes)}",
                              [sys.executable, FLOW, "run", server, PORT, seconds, 5])
    assert process.wait() == 0, process.text()
    assert json.loads(process.text().splitlines()[-1])["missing"] == []
    after = net.mn.admin.counters()
    return {name: after[name] - before.get(name, 0) for name in after}


def carries(net, uplink, server, up, down):
    """Whether a flow to the server by that uplink stayed in the kernel, each way."""
    grown = flow(net, server)
    prefix = f"uplink.{uplink}."
    assert grown[prefix + "tx_packets"] >= 190 and grown[prefix + "rx_packets"] >= 190, grown
    assert (grown[prefix + "tx_fast_packets"] >= 190) == up, grown
    assert (grown[prefix + "rx_fast_packets"] >= 190) == down, grown


def tcp(net, down, seconds=1):
    """Megabits per second of a TCP transfer with the ftp server."""
    server = net.ftp.start("iperf3", ["iperf3", "--forceflush", "--one-off", "--server", "--bind", FTP_SERVER])
    server.wait_for_output("Server listening")
    done = net.mn_ns.run("iperf3", "--json", "--client", FTP_SERVER, "--bind", HOME_ADDRESS, "--time", seconds,
                         *(["--reverse"] if down else []), check=False)
    server.stop()
    answer = json.loads(done.stdout)
    assert "error" not in answer, answer
    return answer["end"]["sum_received"]["bits_per_second"] / 1e6


def test_both_directions_stay_in_the_kernel(system):
    net = started(system)
    assert paths(net) == {"wlan": ("fast", "fast"), "cellular": ("fast", "fast")}
    carries(net, "wlan", FTP_SERVER, True, True)
    carries(net, "cellular", VIDEO_SERVER, True, True)
    shown = net.mn.command("show", "uplinks").stdout
    assert shown.count("up fast, down fast (joins TCP segments)") == 2
    rule = net.mn.admin.get("/v1/policy")["rules"][0]
    assert rule["name"] == "video" and rule["packets"] >= 190 and rule["bytes"] > rule["packets"] * 28


def largest_down(capture):
    """Of TCP's packets to the node on homeward0."""
    home = bytes(map(int, HOME_ADDRESS.split(".")))
    return max(length for _, packet, length in read_pcap(capture.stop()) if packet[16:20] == home)


# With GRO on, the link would join the home agent's datagrams, which have checksums, for a socket that asked for it.
@pytest.mark.parametrize("offload, gro", [("on", "off"), ("off", "off"), ("off", "on")])
def test_tcp_runs_through_it(system, offload, gro):
    for namespace, device in ((system.mn_ns, "wlan0"), (system.ap, "wlan")):
        namespace.run("ethtool", "-K", device, "tx", offload, "tso", offload, "gso", offload, "gro", gro)
    net = started(system)
    before = net.mn.admin.counters()
    # The home agent's frames come one by one here; where GRO does not wait, there is nothing to join them with.
    for device in ("wlan0", "homeward0-gro"):
        net.mn_ns.run("sh", "-c", f"echo 1000000 > /sys/class/net/{device}/gro_flush_timeout")
    inside = net.mn_ns.capture("homeward0", expression="tcp", snap=64)
    for down in (False, True):
        assert tcp(net, down) > 10
    after = net.mn.admin.counters()
    for way in ("tx", "rx"):
        total, fast = (after[f"uplink.wlan.{way}_{kind}"] - before[f"uplink.wlan.{way}_{kind}"]
                       for kind in ("packets", "fast_packets"))
        # SYNs pass through user space, which clamps their MSS.
        assert total > 1000 and 0 < total - fast < 100
    assert largest_down(inside) > 1468, "packets are joined before TCP sees them"


def test_packets_whose_headers_lie_outside_the_first_bytes(system):
    """As after a cut of a train, or from a driver that copies no more than the headers it knows."""
    system.ap.run("ethtool", "-K", "wlan", "tx-udp-segmentation", "off")
    net = started(system)
    uplink = net.mn.admin.uplinks()["wlan"]
    sink = mip.socket_in(net.mn_ns, HOME_ADDRESS, PORT)
    packets = [forge.ip(17, VIDEO_SERVER, HOME_ADDRESS, forge.udp(PORT, PORT, bytes([number]) * 400)) for number in range(20)]
    forge.send_train(net.ap, (HOME_AGENT, forge.TUNNEL_PORT), (uplink["address"], uplink["port"]),
                     [struct.pack("!BBH", 4, 4, 0) + packet for packet in packets])
    assert [sink.recv(2000)[0] for _ in packets] == list(range(20))
    assert net.mn.admin.counters()["uplink.wlan.rx_fast_packets"] >= 20


def test_it_can_be_switched_off(system):
    system.mn.config["tunnel"] = {"fast_path": "off"}
    net = started(system)
    carries(net, "wlan", FTP_SERVER, False, False)
    assert reasons(net, "up") == reasons(net, "down") == {"tunnel.fast_path is off"}
    assert "clsact" not in net.mn_ns.tc("qdisc", "show").stdout


def test_a_computed_checksum_keeps_the_way_up_in_user_space(system):
    system.mn.config["tunnel"] = {"udp_checksum": "compute"}
    net = started(system)
    carries(net, "wlan", FTP_SERVER, False, True)
    assert reasons(net, "up") == {"tunnel.udp_checksum is compute, which only user space does"}
    assert "slow (tunnel.udp_checksum" in net.mn.command("show", "uplinks").stdout


def test_without_bpf_everything_is_slow_and_says_why(system):
    net = system
    net.ha.admit(net.mn)
    net.ha.start()
    serve(net)
    net.mn.config_file.write_text(dump(net.mn.config))
    net.mn.process = net.mn_ns.start("homeward-mn", [
        "setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin", binary("homeward-mn"), "--config",
        net.mn.config_file])
    net.mn.process.wait_ready(lambda: net.mn.bound(), "registering")
    carries(net, "wlan", FTP_SERVER, False, False)
    assert all("CAP_BPF" in reason for reason in reasons(net, "up") | reasons(net, "down"))


def test_a_link_that_returns_without_its_qdisc_falls_back_and_is_repaired(system):
    net = started(system)
    net.mn_ns.tc("qdisc", "delete", "dev", "wlan0", "clsact")
    net.mn_ns.tc("qdisc", "delete", "dev", "homeward0", "clsact")
    assert net.mn_ns.ping(FTP_SERVER).returncode == 0
    wait_until(lambda: "homeward_down" in net.mn_ns.tc("filter", "show", "dev", "wlan0", "ingress").stdout, "wlan0 repaired")
    carries(net, "wlan", FTP_SERVER, True, True)


def test_without_the_pair_that_joins_segments_they_stay_apart(system):
    system.mn_ns.ip("link", "add", "homeward0-in", "type", "bridge")
    net = started(system)
    assert paths(net) == {"wlan": ("fast", "fast"), "cellular": ("fast", "fast")}
    assert reasons(net, "down") == {"TCP segments stay apart: there is another device called homeward0-in"}
    assert tcp(net, True) > 10
    assert net.mn.process.stop() == 0
    assert "homeward0-in" in net.mn_ns.devices()


def test_the_pair_that_joins_segments_is_put_back(system):
    net = started(system)
    net.mn_ns.ip("link", "delete", "homeward0-in")
    assert net.mn_ns.ping(FTP_SERVER).returncode == 0
    wait_until(lambda: "homeward_joined" in net.mn_ns.tc("filter", "show", "dev", "homeward0-gro", "ingress", check=False).stdout,
               "the pair is there again")
    assert reasons(net, "down") == {"joins TCP segments"}
    assert tcp(net, True) > 10


def test_others_programs_on_the_link_stay(system):
    net = system
    net.mn_ns.tc("qdisc", "add", "dev", "wlan0", "clsact")
    net.mn_ns.tc("filter", "add", "dev", "wlan0", "ingress", "bpf", "bytecode", "1,6 0 0 4294967295,", "classid", "1:1")
    started(net)
    before = net.mn_ns.tc("filter", "show", "dev", "wlan0", "ingress").stdout
    assert "homeward_down" in before and "bytecode" in before
    assert net.mn.process.stop() == 0
    after = net.mn_ns.tc("filter", "show", "dev", "wlan0", "ingress").stdout
    assert "homeward_down" not in after and "bytecode" in after


def test_nothing_of_it_stays_behind(system):
    net = started(system)
    assert "clsact" in net.mn_ns.tc("qdisc", "show").stdout
    assert net.mn.process.stop() == 0
    assert "clsact" not in net.mn_ns.tc("qdisc", "show").stdout
    assert not any(device.startswith("homeward0") for device in net.mn_ns.devices())


def test_after_kill_9_the_next_run_takes_over(system):
    net = started(system)
    net.mn.process.kill()
    net.mn.start()
    carries(net, "wlan", FTP_SERVER, True, True)
    assert net.mn_ns.tc("filter", "show", "dev", "wlan0", "ingress").stdout.count("handle 0x1 homeward_down") == 1
    assert net.mn.process.stop() == 0


def test_a_drained_uplink_goes_on_receiving_fast(system):
    net = started(system)
    process = net.mn_ns.start("flow", [sys.executable, FLOW, "run", FTP_SERVER, PORT, 2, 5])
    process.wait_for_output("ready")
    net.mn.uplink("wlan", "drain")
    assert process.wait() == 0
    assert json.loads(process.text().splitlines()[-1])["missing"] == []
    wait_until(lambda: net.mn.admin.uplinks()["wlan"]["state"] == "down", "wlan is drained")
    carries(net, "cellular", FTP_SERVER, True, True)


@pytest.fixture
def cellular_without_link_header(system):
    """rmnet0 as a modem gives it: packets without Ethernet around them. point_to_point.py is the air between two TUNs."""
    net = system
    net.mn_ns.ip("link", "delete", "rmnet0")
    net.cell.start("air", [sys.executable, WIRE, net.mn_ns.full_name, "rmnet0", "radio"]).wait_for_output("ready")
    net.mn_ns.ip("address", "add", "10.64.0.2/32", "dev", "rmnet0")
    net.cell.ip("address", "add", "10.64.0.1", "peer", "10.64.0.2", "dev", "radio")
    for namespace, device in ((net.mn_ns, "rmnet0"), (net.cell, "radio")):
        namespace.link_up(device)
    net.mn_ns.route("default", "dev", "rmnet0", "metric", "200")
    return net


def test_an_uplink_without_link_header(cellular_without_link_header):
    net = started(cellular_without_link_header)
    assert paths(net)["cellular"] == ("fast", "fast")
    carries(net, "cellular", VIDEO_SERVER, True, True)
    net.mn.uplink("wlan", "down")
    wait_until(lambda: not net.mn.admin.uplinks()["wlan"]["usable"], "wlan is down")
    for down in (False, True):
        assert tcp(net, down) > 1
