"""A node that walks while numbered datagrams run in both directions: from one WiFi access point to the next, out of the
building onto cellular, and back. Runs in the guest that run.py boots; the picture is in system.py. Every stage goes on from
the one before; the last one counts what each has lost."""

import pytest
from harness.flow import UdpFlow
from harness.homeward import FTP_SERVER, HOME_ADDRESS
from harness.process import wait_until

from system import WifiSystem

RATE = 50  # datagrams per second and direction


@pytest.fixture(scope="module")
def system():
    with WifiSystem("wifi") as net:
        net.mn.config["handover"] = {"hold_down": "500 ms"}
        net.start()
        net.mn.wait_synchronised(120)
        yield net


class Stream:
    """One flow up and one down, from the first stage to the last."""

    def __init__(self, system):
        self.admin = system.mn.admin
        self.flows = {"up": UdpFlow(system.mn_ns, system.ftp, FTP_SERVER, 6100, RATE),
                      "down": UdpFlow(system.ftp, system.mn_ns, HOME_ADDRESS, 6101, RATE)}
        self.marks = []
        self.more(30)

    def arrived(self):
        return {way: flow.arrived() for way, flow in self.flows.items()}

    def more(self, count):
        """Waits until each flow has delivered `count` more datagrams."""
        goal = {way: arrived + count for way, arrived in self.arrived().items()}
        wait_until(lambda: all(now >= goal[way] for way, now in self.arrived().items()), f"{count} more datagrams of each", 60)

    def mark(self, stage):
        """A stage ends here; what comes belongs to the next."""
        self.more(30)
        self.marks.append((stage, self.arrived()))

    def carried_by(self):
        """The uplinks that carry the flows now, as {up, down}."""
        before = self.admin.uplinks()
        self.more(20)
        after = self.admin.uplinks()
        return {max(after, key=lambda name: after[name][count] - before[name][count]) for count in ("tx_packets", "rx_packets")}

    def wait_carried_by(self, uplink):
        wait_until(lambda: self.carried_by() == {uplink}, f"both flows on {uplink}", 90)

    def losses(self):
        """Ends it. {stage: {way: how many were lost}}"""
        results = {way: flow.stop() for way, flow in self.flows.items()}
        assert [result["duplicates"] for result in results.values()] == [0, 0]
        print({way: f"longest silence {result['gap_ms']:.0f} ms" for way, result in results.items()}, flush=True)
        begin = dict.fromkeys(self.flows, 0)
        lost = {}
        for stage, end in self.marks:
            lost[stage] = {way: holes(flow.numbers[begin[way]:end[way]]) for way, flow in self.flows.items()}
            begin = end
        return lost


def holes(numbers):
    """How many are not there between the least and the greatest."""
    return max(numbers) - min(numbers) + 1 - len(numbers)


@pytest.fixture(scope="module")
def stream(system):
    return Stream(system)


def test_the_node_registers_over_wifi_and_cellular(system, stream):
    assert system.station.point() == system.points[0].mac
    stream.wait_carried_by("wlan")
    stream.mark("at rest")


@pytest.mark.parametrize("dbm", [-30, -61, -50])
def test_the_kernel_says_the_strength_that_was_set(system, dbm):
    system.points[0].heard_with(dbm)
    wait_until(lambda: system.station.signal() == dbm, f"a signal of {dbm} dBm", 30, interval=0.2)


def paths(system):
    """{uplink: (up, down)}: fast or slow, and why."""
    return {name: tuple(f"{way['path']}: {way['reason']}" if way else "none" for way in (uplink["path_up"], uplink["path_down"]))
            for name, uplink in system.mn.admin.uplinks().items()}


def test_the_kernel_carries_packets_over_wifi_and_cellular(system):
    """Linux 6.1, the oldest that Debian 12 has."""
    found = paths(system)
    assert all(way.startswith("fast") for ways in found.values() for way in ways), found


def test_walking_from_one_access_point_to_the_next_and_back(system, stream):
    """The station decides, by what it hears. On the way between access points wlan0 has no carrier."""
    near, far = system.points
    for here, there in ((near, far), (far, near)):
        here.heard_with(-82)
        there.heard_with(-45)
        system.station.wait_for(there, 90)
        stream.wait_carried_by("wlan")
        stream.mark(f"from {here.device} to {there.device}")


def test_leaving_the_building(system, stream):
    """Frames stop without a word. Probes may notice before the kernel takes the carrier, after beacons that did not come."""
    for point in system.points:
        point.out_of_range(True)
    stream.wait_carried_by("cellular")
    wait_until(lambda: system.station.point() is None, "the station noticing", 60)
    stream.mark("out of the building")


def test_coming_back(system, stream):
    for point in system.points:
        point.out_of_range(False)
    system.mn.wait_bound("wlan", timeout=120)
    stream.wait_carried_by("wlan")
    assert all(way.startswith("fast") for way in paths(system)["wlan"]), paths(system)
    stream.mark("back again")


def test_an_access_point_that_ends_sends_its_stations_to_the_other(system, stream):
    mac = system.station.point()
    ending, staying = sorted(system.points, key=lambda point: point.mac != mac)
    ending.process.stop()
    system.station.wait_for(staying, timeout=120)
    system.mn.wait_bound("wlan", timeout=120)
    stream.wait_carried_by("wlan")
    stream.mark("an access point switched off")


def test_the_stream_lost_nothing_but_in_cuts(stream):
    lost = stream.losses()
    for stage, ways in lost.items():
        print(f"{stage}: lost {ways['up']} up, {ways['down']} down, of {RATE} a second each", flush=True)
    assert lost["at rest"] == {"up": 0, "down": 0}
    assert lost["back again"] == {"up": 0, "down": 0}
    # How much a cut costs depends on how soon an emulated machine does anything. This only says that it ends.
    assert all(count <= 10 * RATE for ways in lost.values() for count in ways.values()), lost
