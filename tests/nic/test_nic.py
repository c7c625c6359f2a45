"""The home agent on PCI NICs: devbind, vfio behind an IOMMU, huge pages, RSS, as docs/dataplane.md says. The picture is
in home_agent.py. Every stage needs the one before; a stage that fails names itself."""

import hashlib
import pathlib
import re
import secrets
import struct

import pytest
from harness import forge
from harness.flow import UdpFlow
from harness.homeward import FTP_SERVER, HOME_ADDRESS, HOME_AGENT, KEY, VIDEO_SERVER
from harness.mip import Registrant, socket_in
from harness.process import wait_until
from home_agent import E1000E_PAIR, VIRTIO_PAIR, GuestSystem

MANUAL = pathlib.Path(__file__).resolve().parents[2] / "docs" / "dataplane.md"
CROWD = range(20, 36)  # nodes: last byte of the home address
PACKETS = 8  # of each of them in each direction


def by_the_manual(guest, command, **replacements):
    """Runs a command that docs/dataplane.md tells people to run, word for word but for what is replaced."""
    blocks = re.findall(r"```sh\n(.*?)```", MANUAL.read_text(), re.S)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    assert command in lines, f"docs/dataplane.md does not say `{command}`"
    for old, new in replacements.items():
        command = command.replace(old, new)
    return guest.run(command)


def capabilities_by_the_manual(*devices):
    """Names of the capabilities in these rows of its table, in lower case and without CAP_."""
    rows = [line for line in MANUAL.read_text().splitlines() if line.startswith(tuple(f"| {device}" for device in devices))]
    assert len(rows) == len(devices)
    return sorted(name.lower() for row in rows for name in re.findall(r"CAP_(\w+)", row))


def care_of(node):
    return f"10.99.0.{node}"


def home_of(node):
    return f"158.132.10.{node}"


@pytest.fixture(scope="module")
def system():
    with GuestSystem("nic") as net:
        net.boot()
        yield net


@pytest.fixture(scope="module")
def bound(system):
    """Both virtio NICs are vfio-pci's, and there are huge pages."""
    system.say("binding NICs to vfio-pci, reserving huge pages")
    guest = system.guest
    system.kernel_drivers = {nic: kernel_driver(guest, nic) for nic in guest.nics}
    by_the_manual(guest, "modprobe vfio-pci")
    for pair in (VIRTIO_PAIR, E1000E_PAIR):
        by_the_manual(guest, "dpdk-devbind.py --bind=vfio-pci 0000:01:00.0 0000:02:00.0",
                      **{"0000:01:00.0": pair["access"].address, "0000:02:00.0": pair["home"].address})
    by_the_manual(guest, "sysctl vm.nr_hugepages=512")
    return system


@pytest.fixture(scope="module")
def running(bound):
    bound.say("starting the home agent on the virtio NICs")
    bound.ha.admit(bound.mn.nai, HOME_ADDRESS, KEY)
    bound.crowd_key = secrets.token_hex(16)
    for node in CROWD:
        bound.ha.admit(f"node{node}@example.org", home_of(node), bound.crowd_key)
    bound.ha.use(VIRTIO_PAIR)
    bound.free_pages = huge_pages(bound.guest)["Free"]
    bound.ha.start_control()
    bound.ha.start_dataplane()
    return bound


@pytest.fixture(scope="module")
def registered(running):
    running.say("registering the node")
    running.mn.start()
    running.mn.wait_synchronised()
    return running


def huge_pages(guest):
    return {name: int(count) for name, count in
            re.findall(r"HugePages_(\w+): +(\d+)", guest.run("cat /proc/meminfo"))}


def kernel_driver(guest, nic):
    return guest.run(f"basename $(readlink /sys/bus/pci/devices/{nic.address}/driver)").strip()


def test_devbind_takes_the_nics_from_the_kernel(bound):
    status = bound.guest.run("dpdk-devbind.py --status-dev net")
    for nics, driver in ((VIRTIO_PAIR, "virtio-pci"), (E1000E_PAIR, "e1000e")):
        for nic in nics.values():
            assert bound.kernel_drivers[nic] == driver
            assert re.search(rf"^{nic.address} .* drv=vfio-pci ", status, re.M), status
            group = bound.guest.run(f"basename $(readlink /sys/bus/pci/devices/{nic.address}/iommu_group)").strip()
            assert bound.guest.run(f"test -c /dev/vfio/{group} && echo there") == "there\n"
    assert huge_pages(bound.guest)["Total"] == 512


def test_the_data_plane_runs_on_vfio_with_huge_pages_and_a_queue_for_each_worker(running):
    log = running.ha.log.text()
    for (name, nic), spread in zip(VIRTIO_PAIR.items(), ("addresses and ports", "addresses")):
        assert re.search(rf"Probe PCI driver: net_virtio \S+ device: {nic.address}", log)
        assert f"port {name}: {nic.address}, 2 rx and 2 tx queues, RSS by {spread}, symmetric key" in log
        assert nic.mac in running.guest.run(f"cat /sys/class/net/hw-{name}/address")
    assert "Using IOMMU type 1" in log
    assert re.search(r"\d+ MB of huge pages reserved", log)
    assert huge_pages(running.guest)["Free"] < running.free_pages
    assert "connected" in running.ha.show() and "2 workers" in running.ha.show()


def test_the_node_registers_and_its_uplinks_are_chosen_by_policy(registered):
    before = registered.mn.admin.uplinks()
    for server, uplink in ((VIDEO_SERVER, "cellular"), (FTP_SERVER, "wlan")):
        assert registered.mn_ns.ping(server, count=3, wait=5).returncode == 0
        after = registered.mn.admin.uplinks()
        for counter in ("tx_packets", "rx_packets"):
            assert after[uplink][counter] - before[uplink][counter] >= 3
        before = after


def test_nothing_is_lost_in_either_direction(registered):
    no_loss_through(registered)


def no_loss_through(system):
    """Datagrams both ways; the NICs' own counters have seen every one of them. They are slow: when the machine is busy,
    QEMU may leave a NIC's ring of 256 alone for seconds."""
    before = system.ha.counters()
    flows = [UdpFlow(system.video, system.mn_ns, HOME_ADDRESS, 6001, rate=30, size=1000),
             UdpFlow(system.mn_ns, system.video, VIDEO_SERVER, 6002, rate=30, size=1000)]
    wait_until(lambda: all(flow.arrived() >= 100 for flow in flows), "100 datagrams of each flow", 60)
    results = [flow.stop() for flow in flows]
    assert [result["missing"] for result in results] == [[], []]
    after = system.ha.counters()
    down, up = (result["sent"] for result in results)
    for counter, floor in (("port.home.rx_packets", down), ("port.access.tx_packets", down), ("port.access.rx_packets", up),
                           ("port.home.tx_packets", up), ("pipeline.downlink_packets", down),
                           ("pipeline.uplink_packets", up)):
        assert after[counter] - before[counter] >= floor, counter
    for port in ("access", "home"):
        for counter in ("rx_missed", "rx_errors", "rx_no_buffer", "tx_errors"):
            assert after[f"port.{port}.{counter}"] == 0
    system.say(f"{down} datagrams down and {up} up, none lost")


def test_tcp_delivers_what_was_sent(registered):
    tcp_through(registered)


def tcp_through(system, size=2_000_000):
    """A file each way, so that a wrong checksum or a torn packet shows."""
    content = secrets.token_bytes(size)
    file = system.directory / "file"
    file.write_bytes(content)
    for server, address, client in ((system.ftp, FTP_SERVER, system.mn_ns), (system.mn_ns, HOME_ADDRESS, system.ftp)):
        process = server.serve_files(system.directory, 8000, address)
        got = system.directory / "got"
        client.run("curl", "-sf", "--max-time", "100", "-o", got, f"http://{address}:8000/file", timeout=120)
        process.stop()
        assert hashlib.sha256(got.read_bytes()).digest() == hashlib.sha256(content).digest()
        system.say(f"{size} bytes by TCP from {address}")


@pytest.fixture(scope="module")
def crowd(registered):
    """Nodes that register once and have no daemon to do it again. Their care-of addresses are the core router's own."""
    for node in CROWD:
        registered.core.address("lo", f"{care_of(node)}/32")
        with socket_in(registered.core, care_of(node), 434) as sock:
            registrant = Registrant(sock, HOME_AGENT, bytes.fromhex(registered.crowd_key), home_of(node),
                                    f"node{node}@example.org", algorithm="sha256")
            assert registrant.register(lifetime=600).code == 0
    return registered


def test_rss_spreads_nodes_over_both_workers(crowd):
    for direction, shares in crowd_traffic(crowd).items():
        assert min(shares) >= 2 * PACKETS, (direction, shares)


def crowd_traffic(system):
    """Packets of every node of the crowd, up, then down; how many each worker took."""
    # Echo replies, which nobody answers: an answer would be spread, too.
    echo_reply = struct.pack("!BBHHH", 0, 0, forge.checksum(bytes(18)), 0, 0) + bytes(10)
    up = [forge.tunnelled(care_of(node), HOME_AGENT, 434, 434, forge.ip(1, home_of(node), VIDEO_SERVER, echo_reply))
          for node in CROWD for _ in range(PACKETS)]
    down = [forge.ip(17, VIDEO_SERVER, home_of(node), forge.udp(7000, 7000 + node, bytes(18)))
            for node in CROWD for _ in range(PACKETS)]
    workers = {}
    for namespace, batch, direction in ((system.core, up, "uplink"), (system.video, down, "downlink")):
        counter = f"pipeline.{direction}_packets"
        before = system.ha.counters()
        forge.send(namespace, batch)
        wait_until(lambda: system.ha.counters()[counter] - before[counter] >= len(batch),
                   f"{len(batch)} more {counter}", 30, interval=0.5)
        after = system.ha.counters()
        workers[direction] = [after[f"worker.{n}.packets"] - before[f"worker.{n}.packets"] for n in (0, 1)]
        system.say(f"{direction} of {len(CROWD)} nodes, packets by worker: {workers[direction]}")
    return workers


def test_a_pulled_cable_takes_the_twins_carrier(registered):
    nic = VIRTIO_PAIR["home"]
    for up, carrier in ((False, "0"), (True, "1")):
        registered.guest.set_link(nic, up)
        wait_until(lambda: registered.guest.run("cat /sys/class/net/hw-home/carrier").strip() == carrier,
                   f"carrier {carrier} of the home port's twin", 30, interval=0.5)
    assert registered.mn_ns.ping(VIDEO_SERVER, count=3, wait=5).returncode == 0


def test_kill_9_leaves_the_nics_to_the_next_start(crowd):
    """With no more rights than docs/dataplane.md names, this time. Bindings come from control."""
    crowd.say("killing the data plane")
    crowd.ha.stop_dataplane("KILL")
    crowd.ha.start_dataplane(capabilities_by_the_manual("all (", "vfio-pci"))
    assert crowd.mn_ns.ping(VIDEO_SERVER, count=3, wait=5).returncode == 0
    crowd_traffic(crowd)


def test_it_moves_to_nics_without_rss(crowd):
    """e1000e: one queue, checksums by the hardware."""
    crowd.say("moving to the e1000e NICs")
    crowd.ha.stop_dataplane()
    crowd.ha.use(E1000E_PAIR)
    mark = len(crowd.ha.log.text())
    crowd.ha.start_dataplane()
    log = crowd.ha.log.text()[mark:]
    for name, nic in E1000E_PAIR.items():
        assert re.search(rf"Probe PCI driver: net_e1000_em \S+ device: {nic.address}", log)
        assert f"port {name}: {nic.address}, 1 rx and 1 tx queues" in log
    # Neighbours notice a new MAC address in their own time (RFC 1122 §2.3.2.1: of the order of a minute).
    for neighbour in (crowd.core, crowd.ftp, crowd.video):
        neighbour.ip("neighbour", "flush", "all")
    wait_until(lambda: crowd.mn_ns.ping(VIDEO_SERVER, wait=2).returncode == 0, "the first echo through e1000e", 60)
    no_loss_through(crowd)
    tcp_through(crowd)
    crowd_traffic(crowd)
