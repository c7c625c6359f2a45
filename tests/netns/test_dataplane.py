"""homeward-dataplane itself, on devices of every software kind, with a stand-in for control.

    access ──eth0────v0── ha ──v1────eth0── home
    192.0.2.2         192.0.2.1 198.51.100.1   198.51.100.2

`v0` and `v1` are the DPDK ports; their TAP twins hw-access and hw-home carry the addresses. A node with the home
address 198.51.100.77 is bound to 192.0.2.2, port 5000; there is no agent at it, the test is the node.
"""

import contextlib
import os
import pathlib
import re
import signal
import socket
import threading

import pytest
from harness import control_peer as ipc
from harness import forge
from harness.capture import read_pcap
from harness.control_peer import ControlPeer
from harness.build import binary
from harness.netns import Topology
from harness.process import run, wait_until
from harness.yaml import dump

AGENT, NODE, NODE_PORT, HOME = "192.0.2.1", "192.0.2.2", 5000, "198.51.100.77"
GATEWAY, HOST = "198.51.100.1", "198.51.100.2"
ADDRESSES = {"access": f"{AGENT}/24", "home": f"{GATEWAY}/24"}

_LISTEN = """
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", int(sys.argv[1])))
print("listening", flush=True)
while True:
    print("received", len(sock.recv(65535)), flush=True)
"""


class Lab:
    """The network above. `device(number, interface)` is the DPDK device for a port; without `veth` the cables are the
    caller's. `ports`: entries of the configuration, in place of access and home."""

    def __init__(self, net, device=lambda number, interface: f"net_af_xdp{number},iface={interface}", veth=True,
                 ports=None):
        self.net = net
        self.ha, self.access, self.home = (net.namespace(name) for name in ("ha", "access", "home"))
        self.interfaces = ["v0", "v1"]
        if veth:
            for interface, far in zip(self.interfaces, (self.access, self.home)):
                net.veth(self.ha, interface, far, "eth0")
                far.offloads_off("eth0")
            self.address_far_ends()
        ports = ports or [{"name": name, "device": device(number, interface), "addresses": [ADDRESSES[name]]}
                          for number, (name, interface) in enumerate(zip(ADDRESSES, self.interfaces))]
        for port in ports:
            twin = f"hw-{port['name']}"
            self.ha.ip("tuntap", "add", "dev", twin, "mode", "tap")
            self.ha.address(twin, *port["addresses"])
            self.ha.link_up(twin)
        self.directory = pathlib.Path(net.directory)
        self.file = self.directory / "ha.yaml"
        self.config = {
            "home_agent": {"address": AGENT, "admin_socket": self.directory / "c.sock",
                           "dataplane_socket": self.directory / "d.sock", "state": self.directory / "control.db"},
            "ports": ports,
            "dataplane": {"huge_pages": "never"},
            "home_networks": [{"prefix": "198.51.100.0/24", "port": ports[-1]["name"]}],
            "nodes": [],
        }
        self.peer = ControlPeer(self.directory / "d.sock")
        self.peer.state = [(ipc.SETTINGS, ipc.settings(AGENT)),
                           (ipc.HOME_NETWORK, ipc.home_network("198.51.100.0/24", ports[-1]["name"])),
                           (ipc.BINDING_PUT, ipc.binding(HOME, (NODE, NODE_PORT, 1)))]
        self.process = None
        self.failures = 0

    def address_far_ends(self):
        self.access.address("eth0", f"{NODE}/24")
        self.home.address("eth0", f"{HOST}/24")
        self.access.route("default", "via", AGENT)
        self.home.route("default", "via", GATEWAY)

    def launch(self, name="dataplane"):
        self.file.write_text(dump(self.config))
        self.process = self.ha.start(name, [binary("homeward-dataplane"), "--config", self.file])
        return self.process

    def start(self, name="dataplane"):
        """Starts it and returns its hello, with the replay in force."""
        self.launch(name).wait_for_output("connected to control")
        return self.peer.accept()

    def fails(self):
        """Starts what cannot start; its one line."""
        self.failures += 1
        process = self.launch(f"failing-{self.failures}")
        assert process.wait() == 1
        lines = [line for line in process.text().splitlines() if not re.match(r"\d{4}-.* info ", line)]
        assert len(lines) == 1, process.text()
        return lines[0]

    def mac_of(self, twin):
        return self.ha.run("cat", f"/sys/class/net/{twin}/address").stdout.strip()

    def listen(self, port):
        """A UDP socket of ours that tells how much it received."""
        listener = self.ha.start("listener", ["/usr/bin/python3", "-c", _LISTEN, str(port)])
        listener.wait_for_output("listening")
        return listener

    def uplink_packet(self, inner, port=NODE_PORT):
        forge.send(self.access, [forge.tunnelled(NODE, AGENT, port, 434, inner)])


@pytest.fixture
def lab(request):
    # Failing tests leave their directory: the topology must see the exception, so the fixture cannot own it.
    with Topology("dp") as net:
        yield Lab(net)


def ping_works(namespace, destination):
    return namespace.ping(destination).returncode == 0


def wait_ping(namespace, destination):
    wait_until(lambda: ping_works(namespace, destination), f"{destination} answering {namespace.name}")


def frames(capture):
    return [frame for _, frame, _ in read_pcap(capture.stop())]


def ip_packets(capture):
    return [frame[14:] for frame in frames(capture) if frame[12:14] == b"\x08\x00"]


def seen(capture, condition):
    """Waits for a packet that satisfies `condition` while the capture runs (tcpdump writes each at once)."""
    def found():
        return [frame for _, frame, _ in read_pcap(capture.path) if condition(frame)]
    return wait_until(found, "the packet in the capture")


def everything_forwards(lab):
    wait_ping(lab.access, AGENT)      # our own address: the kernel's, by the exception path
    wait_ping(lab.home, GATEWAY)
    wait_ping(lab.access, HOST)       # transit
    check_uplink(lab)
    check_downlink(lab)


def check_uplink(lab):
    capture = lab.home.capture("eth0", f"uplink-{os.urandom(3).hex()}", "udp port 7000")
    inner = forge.ip(17, HOME, HOST, forge.udp(6000, 7000, b"from the node"))
    lab.uplink_packet(inner)
    frame = seen(capture, lambda frame: frame.endswith(b"from the node"))[0]
    assert socket.inet_ntoa(frame[26:30]) == HOME
    assert frame[22] == inner[8] - 1  # forwarded once
    capture.abandon()


def check_downlink(lab):
    capture = lab.access.capture("eth0", f"downlink-{os.urandom(3).hex()}", f"udp port {NODE_PORT}")
    forge.send(lab.home, [forge.ip(17, HOST, HOME, forge.udp(7000, 6000, b"to the node"))])
    frame = seen(capture, lambda frame: frame.endswith(b"to the node"))[0]
    outer, inner = frame[14:34], frame[46:66]
    assert (socket.inet_ntoa(outer[12:16]), socket.inet_ntoa(outer[16:20])) == (AGENT, NODE)
    assert frame[42:46] == b"\x04\x04\x00\x00"
    assert (socket.inet_ntoa(inner[12:16]), socket.inet_ntoa(inner[16:20])) == (HOST, HOME)
    assert forge.checksum(outer) == 0 and forge.checksum(inner) == 0
    capture.abandon()


DEVICES = {
    "af_xdp": lambda number, interface: f"net_af_xdp{number},iface={interface}",
    "af_packet": lambda number, interface: f"net_af_packet{number},iface={interface}",
}


@pytest.mark.parametrize("kind", DEVICES)
def test_forwards_over(kind):
    with Topology("dp") as net:
        lab = Lab(net, DEVICES[kind])
        lab.start()
        everything_forwards(lab)
        assert lab.process.stop() == 0


def test_forwards_over_tap():
    """net_tap makes its interfaces itself; a bridge each joins them to the far ends."""
    with Topology("dp") as net:
        lab = Lab(net, lambda number, interface: f"net_tap{number},iface={interface}", veth=False)
        lab.start()
        for interface, far in zip(lab.interfaces, (lab.access, lab.home)):
            # To the bridge, the kernel's end of the TAP is a station of its own: not with the port's MAC address.
            lab.ha.ip("link", "set", interface, "address", f"02:00:00:00:00:0{interface[1]}", "up")
            net.veth(lab.ha, f"far-{interface}", far, "eth0")
            far.offloads_off("eth0")
            net.bridge(lab.ha, f"br-{interface}", [interface, f"far-{interface}"])
        lab.address_far_ends()
        everything_forwards(lab)
        assert lab.process.stop() == 0


def test_af_packet_answers_once():
    with Topology("dp") as net:
        lab = Lab(net, DEVICES["af_packet"])
        # The interface under the port could answer, too: it has the address and forwards.
        lab.ha.address("v0", f"{AGENT}/32")
        lab.ha.forward()
        lab.start()
        wait_ping(lab.access, HOST)
        report = lab.access.ping(HOST, count=5).stdout
        assert "5 received" in report and "duplicates" not in report, report
        assert "bpf" in lab.ha.tc("filter", "show", "dev", "v0", "ingress").stdout
        lab.process.stop()
        assert "bpf" not in lab.ha.tc("filter", "show", "dev", "v0", "ingress").stdout


def test_first_packet_to_a_new_neighbour_is_not_lost(lab):
    lab.start()
    wait_ping(lab.access, HOST)
    lab.ha.ip("neigh", "flush", "dev", "hw-home")
    wait_until(lambda: lab.peer.counters()["table.neighbours"] == 1, "the flushed neighbour gone")
    assert ping_works(lab.access, HOST)
    assert lab.peer.counters()["pipeline.neighbour_released"] >= 1


def test_routes_steer(lab):
    """What `ip route` says holds at once; a blackhole, a better metric, and the way back."""
    lab.start()
    wait_ping(lab.access, HOST)
    lab.ha.ip("route", "add", "blackhole", f"{HOST}/32")
    wait_until(lambda: not ping_works(lab.access, HOST), "the blackhole in force")
    lab.ha.ip("route", "del", "blackhole", f"{HOST}/32")
    wait_ping(lab.access, HOST)
    lab.home.address("eth0", "203.0.113.1/32")
    lab.ha.route("203.0.113.1", "via", "198.51.100.9", "metric", "20")
    lab.ha.route("203.0.113.1", "via", HOST, "metric", "10")
    wait_ping(lab.access, "203.0.113.1")


def test_link_down_and_up_brings_routes_back(lab):
    lab.start()
    wait_ping(lab.access, HOST)
    lab.ha.ip("link", "set", "hw-home", "down")
    wait_until(lambda: not ping_works(lab.access, HOST), "no route while the twin is down")
    lab.ha.link_up("hw-home")
    wait_ping(lab.access, HOST)


def test_proxy_arp_and_gratuitous_arp(lab):
    lab.start()
    mac = lab.mac_of("hw-home")
    wait_ping(lab.home, GATEWAY)
    lab.home.ping(HOME)  # nobody answers the ping, but the address resolves
    wait_until(lambda: mac in lab.home.ip("neigh", "show", HOME).stdout, "proxy ARP for the bound address")
    capture = lab.home.capture("eth0", "arp", "arp")
    lab.peer.apply(ipc.ARP_ANNOUNCE, ipc.announcement(HOME, repeat=2))
    announced = bytes.fromhex(mac.replace(":", "")) + socket.inet_aton(HOME)
    def twice():
        return sum(frame[22:32] == announced and frame[38:42] == socket.inet_aton(HOME)
                   for _, frame, _ in read_pcap(capture.path)) == 2
    wait_until(twice, "two gratuitous ARPs")
    assert "table.bindings" in lab.peer.counters() and lab.peer.refused == []


def test_own_proxy_answer_is_no_neighbour(lab):
    """The kernel asks for the home address on the twin and gets our own answer; it goes with the binding."""
    lab.start()
    capture = lab.access.capture("eth0", "tunnel", f"udp port {NODE_PORT}")
    lab.ha.ping(HOME)
    seen(capture, lambda frame: socket.inet_ntoa(frame[46 + 16:46 + 20]) == HOME)  # the kernel's own goes by the tunnel
    assert lab.mac_of("hw-home") in lab.ha.ip("neigh", "show", HOME).stdout
    lab.peer.apply(ipc.BINDING_REMOVE, ipc.binding_remove(HOME))
    wait_until(lambda: lab.mac_of("hw-home") not in lab.ha.ip("neigh", "show", HOME).stdout, "the kernel forgetting")
    assert lab.peer.counters()["table.bindings"] == 0


def test_killed_and_started_again(lab):
    """kill -9: the twins keep addresses and routes, a new data plane attaches and gets every binding from control."""
    first = lab.start()
    everything_forwards(lab)
    lab.ha.route("203.0.113.0/24", "via", HOST)
    lab.process.kill()
    assert f"{GATEWAY}/24" in lab.ha.ip("address", "show", "hw-home").stdout
    assert "203.0.113.0/24" in lab.ha.ip("route").stdout
    second = lab.start("dataplane-again")
    assert second["pid"] != first["pid"]
    everything_forwards(lab)
    assert "203.0.113.0/24" in lab.ha.ip("route").stdout


def test_forwards_without_control(lab):
    lab.start()
    everything_forwards(lab)
    lab.peer.close()
    lab.process.wait_for_output("forwarding goes on")
    everything_forwards(lab)
    lab.peer.listen()
    lab.peer.state = lab.peer.state[:2]  # a control that knows the binding no longer
    lab.peer.accept()
    assert lab.peer.counters()["table.bindings"] == 0


def test_control_of_another_release(lab):
    lab.launch()
    lab.peer.accept_only()
    lab.peer.send(ipc.SYNC_BEGIN, version=77)
    lab.process.wait_for_output("homeward-control speaks version 77, this data plane 1")
    lab.peer.accept_only()  # it tries again
    lab.peer.replay()


def test_junk_to_our_address_does_not_stop_forwarding(lab):
    lab.config["dataplane"]["exception_pps"] = {"registration": 1000, "arp": 100, "other": 100}
    lab.start()
    wait_ping(lab.access, HOST)
    junk = [forge.ip(17, NODE, AGENT, forge.udp(9, 9, b"junk"))] * 200
    over = threading.Event()

    def flood():  # many times what is let through, and well below what fills the device's ring
        while not over.is_set():
            forge.send(lab.access, junk)

    sender = threading.Thread(target=flood)
    sender.start()
    try:
        wait_until(lambda: lab.peer.counters()["drop.exception.other_rate"] > 1000, "junk dropped by its rate")
        report = lab.access.ping(HOST, count=5).stdout
    finally:
        over.set()
        sender.join()
    assert "5 received" in report, report
    wait_ping(lab.access, AGENT)


def test_tunnel_packets_in_fragments(lab):
    """The node's kernel cuts them; nothing of that is seen behind the home agent."""
    lab.start()
    wait_ping(lab.access, HOST)
    capture = lab.home.capture("eth0", "whole", "udp port 7000")
    inner = forge.ip(17, HOME, HOST, forge.udp(6000, 7000, bytes(1440) + b"in fragments"))
    forge.send_datagram(lab.access, (NODE, NODE_PORT), (AGENT, forge.TUNNEL_PORT), b"\x04\x04\0\0" + inner)
    frame = seen(capture, lambda frame: frame.endswith(b"in fragments"))[0]
    assert frame[14 + 8] == inner[8] - 1 and frame[34:] == inner[20:]
    capture.abandon()
    counters = lab.peer.counters()
    assert (counters["pipeline.fragments_reassembled"], counters["pipeline.datagrams_reassembled"]) == (2, 1)


def test_registrations_in_fragments_are_the_kernels(lab):
    lab.start()
    wait_ping(lab.access, AGENT)
    listener = lab.listen(forge.TUNNEL_PORT)
    forge.send_datagram(lab.access, (NODE, NODE_PORT), (AGENT, forge.TUNNEL_PORT), b"\x01" + bytes(3999))
    listener.wait_for_output("received 4000")
    assert lab.peer.counters()["pipeline.datagrams_reassembled"] == 0


def test_more_than_a_buffer_for_a_service_of_ours(lab):
    lab.start()
    wait_ping(lab.access, AGENT)
    listener = lab.listen(5555)
    inner = forge.ip(17, HOME, GATEWAY, forge.udp(6000, 5555, bytes(5000)))
    forge.send_datagram(lab.access, (NODE, NODE_PORT), (AGENT, forge.TUNNEL_PORT), b"\x04\x04\0\0" + inner)
    listener.wait_for_output("received 5000")
    assert lab.peer.counters()["pipeline.datagrams_reassembled"] == 1


def test_two_workers_on_single_queue_ports(lab):
    lab.config["dataplane"]["workers"] = 2
    hello = lab.start()
    assert hello["workers"] == 2
    assert ("2 workers, but fewer receive queues on access (1), home (1): they pass packets on to each other by address"
            in lab.process.text())
    everything_forwards(lab)
    # Many addresses lead to both workers, whichever of them polls the port.
    forge.send(lab.access, [forge.ip(17, f"192.0.2.{100 + number}", HOST, forge.udp(9, 9, b"up"))
                            for number in range(32)])
    forge.send(lab.home, [forge.ip(17, f"198.51.100.{100 + number}", NODE, forge.udp(9, 9, b"down"))
                          for number in range(32)])
    wait_until(lambda: all(lab.peer.counters()[f"worker.{number}.passed_on"] > 0 for number in (0, 1)),
               "both workers passing packets on")
    counters = lab.peer.counters()
    assert counters["drop.port.tx_full"] == counters["drop.redistribute.ring_full"] == 0


def test_queues_dealt_out_in_turn(lab):
    lab.config["dataplane"].update(workers=2, redistribution="never")
    lab.start()
    assert "queues are dealt out in turn" in lab.process.text()
    everything_forwards(lab)
    counters = lab.peer.counters()
    assert counters["worker.0.packets"] > 0 and counters["worker.1.packets"] > 0
    assert counters["worker.0.passed_on"] == counters["worker.1.passed_on"] == 0
    assert counters["drop.port.tx_full"] == 0


def test_several_run_beside_each_other(lab):
    lab.start()
    with Topology("dp2") as net:
        other = Lab(net)
        other.start()
        everything_forwards(other)
        everything_forwards(lab)


@contextlib.contextmanager
def huge_pages(count):
    """Adds 2 MB huge pages for a while; skips where the kernel cannot."""
    file = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    if not file.exists():
        pytest.skip("no 2 MB huge pages here")
    before = int(file.read_text())
    file.write_text(str(before + count))
    try:
        if int(file.read_text()) < before + count:
            pytest.skip("no contiguous memory for huge pages")
        yield
    finally:
        file.write_text(str(before))


def test_huge_pages(lab):
    lab.config["dataplane"]["huge_pages"] = "always"
    with huge_pages(80):
        lab.start()
        assert "of huge pages reserved" in lab.process.text()
        everything_forwards(lab)
        lab.process.stop()


def free_huge_megabytes():
    return sum(int((size / "free_hugepages").read_text()) * int(re.search(r"(\d+)kB", size.name)[1]) // 1024
               for size in pathlib.Path("/sys/kernel/mm/hugepages").glob("hugepages-*"))


def test_errors_are_one_line(lab):
    """Exit 1 and one line that names the key and what to do."""
    original = lab.config["ports"][0]["device"]
    for device, expected in [
        ("net_af_xdp0,iface=nothere", "ports.access.device: net_af_xdp0,iface=nothere: "),
        ("net_nothing0", "ports.access.device: net_nothing0: "),
        ("0000:7f:00.0", "ports.access.device: 0000:7f:00.0: no such device, or not bound to a DPDK driver"),
    ]:
        lab.config["ports"][0]["device"] = device
        assert expected in lab.fails()
    lab.config["ports"][0]["device"] = original
    lab.config["dataplane"].update(huge_pages="always", memory=f"{free_huge_megabytes() + 64}MB")
    assert "dataplane.huge_pages: " in lab.fails()
    lab.config["dataplane"] = {"huge_pages": "never", "cores": "0", "workers": 1}
    assert "dataplane.cores: 0 names 1 CPUs, 1 workers need 2" in lab.fails()


def test_twin_in_use(lab):
    holder = lab.ha.start("holder", ["/usr/bin/python3", "-c", HOLD_TAP, "hw-access"])
    holder.wait_for_output("held")
    assert "TAP hw-access: another process is attached" in lab.fails()


HOLD_TAP = """
import fcntl, struct, sys, time
tap = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002))
print("held", flush=True)
time.sleep(60)
"""


def test_needs_permission(lab):
    lab.file.write_text(dump(lab.config))
    lab.file.chmod(0o644)
    lab.directory.chmod(0o755)
    done = run(["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all",
                binary("homeward-dataplane"), "--config", lab.file], check=False)
    assert done.returncode == 1
    assert "no permission: needs CAP_NET_ADMIN" in done.stderr


def test_check_only_reads(lab):
    lab.file.write_text(dump(lab.config))
    assert run([binary("homeward-dataplane"), "--check", "--config", lab.file]).stdout == ""
    lab.file.write_text(dump({**lab.config, "portz": []}))
    done = run([binary("homeward-dataplane"), "--check", "--config", lab.file], check=False)
    assert done.returncode == 1 and "portz: unknown key" in done.stderr


def test_hangup_is_survived(lab):
    lab.start()
    lab.process.send(signal.SIGHUP)
    everything_forwards(lab)
