"""A node that walks while numbered datagrams run in both directions: out of reach of one WiFi access point and onto cellular
before it breaks, to the next one, straight from one to the other, out of the building, and back. Runs in the guest that run.py
boots; the picture is in system.py. Every stage goes on from the one before; the last one counts what each has lost."""

import pytest
from harness.flow import UdpFlow
from harness.homeward import FTP_SERVER, HOME_ADDRESS
from harness.process import wait_until

from system import WifiSystem

RATE = 50  # datagrams per second and direction
# Stages in which the node moves because it wants to, or not at all.
PLANNED = ("at rest", "the signal fell", "roamed meanwhile and back on wlan", "back again")


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
        """Ends it. {stage: {way: how many were lost}}; a stage begins with the number after the last one's greatest."""
        results = {way: flow.stop() for way, flow in self.flows.items()}
        assert [result["duplicates"] for result in results.values()] == [0, 0]
        print({way: f"longest silence {result['gap_ms']:.0f} ms" for way, result in results.items()}, flush=True)
        begin = dict.fromkeys(self.flows, 0)
        lost = {}
        for stage, arrived in self.marks:
            ends = {way: max(flow.numbers[:arrived[way]]) + 1 for way, flow in self.flows.items()}
            lost[stage] = {way: holes(flow.numbers, begin[way], ends[way]) for way, flow in self.flows.items()}
            begin = ends
        return lost


def holes(numbers, begin, end):
    """How many of the numbers from `begin` to before `end` are not there."""
    return end - begin - sum(1 for number in numbers if begin <= number < end)


@pytest.fixture(scope="module")
def stream(system):
    return Stream(system)


def test_the_node_registers_over_wifi_and_cellular(system, stream):
    assert system.station.point() == system.points[0].mac
    stream.wait_carried_by("wlan")
    stream.mark("at rest")


def shown(system):
    """dBm of wlan0 as the agent reads it from nl80211; None: unknown."""
    return (system.mn.admin.uplinks()["wlan"]["signal"] or {}).get("rssi_dbm")


@pytest.mark.parametrize("dbm", [-30, -61, -50])
def test_kernel_and_agent_say_the_strength_that_was_set(system, dbm):
    system.points[0].heard_with(dbm)
    wait_until(lambda: system.station.signal() == dbm, f"a signal of {dbm} dBm", 30, interval=0.2)
    wait_until(lambda: shown(system) == dbm, f"the agent showing {dbm} dBm", 30, interval=0.2)
    assert system.mn.admin.status()["signal_source"] == "nl80211"


def paths(system):
    """{uplink: (up, down)}: fast or slow, and why."""
    return {name: tuple(f"{way['path']}: {way['reason']}" if way else "none" for way in (uplink["path_up"], uplink["path_down"]))
            for name, uplink in system.mn.admin.uplinks().items()}


def test_the_kernel_carries_packets_over_wifi_and_cellular(system):
    """Linux 6.1, the oldest that Debian 12 has."""
    found = paths(system)
    assert all(way.startswith("fast") for ways in found.values() for way in ways), found


def bound_and_unused(system):
    uplink = system.mn.admin.uplinks()["wlan"]
    return not uplink["usable"] and system.station.point() is not None


def test_a_falling_signal_moves_the_flows_before_the_link_breaks(system, stream):
    """Away from both: there is nothing to roam to, and the link holds. Planned: not one datagram may be lost."""
    near, far = system.points
    far.heard_with(-88)
    for dbm in (-58, -66, -74, -78, -82):
        near.heard_with(dbm)
        wait_until(lambda level=dbm: shown(system) == level, f"the agent showing {dbm} dBm", 60, interval=0.2)
    wait_until(lambda: bound_and_unused(system), "the agent to leave wlan, whose link is still there", 60)
    stream.wait_carried_by("cellular")
    wlan = system.mn.admin.uplinks()["wlan"]
    assert "signal fell to -8" in wlan["reason"] and shown(system) == -82, wlan
    assert system.station.point() == near.mac
    stream.mark("the signal fell")


def test_roaming_while_cellular_carries_costs_nothing(system, stream):
    near, far = system.points
    near.heard_with(-95)  # less than any remembered strength of the other, or the station goes back once
    far.heard_with(-45)
    system.station.roam(far)
    system.mn.wait_bound("wlan", timeout=120)
    stream.wait_carried_by("wlan")
    assert shown(system) == -45
    stream.mark("roamed meanwhile and back on wlan")


def test_walking_from_one_access_point_straight_to_the_next_and_back(system, stream):
    """Heard well enough that the agent stays. On the way between access points wlan0 has no carrier."""
    near, far = system.points
    left = system.mn.process.text().count("wlan is left")
    for here, there in ((far, near), (near, far)):
        here.heard_with(-70)
        there.heard_with(-45)
        system.station.roam(there)
        stream.wait_carried_by("wlan")
        stream.mark(f"straight from {here.device} to {there.device}")
    assert system.mn.process.text().count("wlan is left") == left, "the agent stayed"


def test_scans_have_not_narrowed_the_tunnel(system):
    """Of every scan's end the kernel tells by a link message that leaves out the MTU."""
    assert {uplink["tunnel_mtu"] for uplink in system.mn.admin.uplinks().values()} == {1500 - 32}


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
    for stage in PLANNED:
        assert lost[stage] == {"up": 0, "down": 0}, stage
    # How much a cut costs depends on how soon an emulated machine does anything: up to a second where others work, too.
    assert all(count <= 4 * RATE for ways in lost.values() for count in ways.values()), lost


def test_the_agent_reads_the_same_from_wpa_supplicant(system):
    """Its control socket instead of nl80211."""
    system.mn.process.stop()
    system.mn.config["signal"] = {"source": "wpa_supplicant", "wpa_supplicant": str(system.sockets / "wpa")}
    system.mn.start()
    system.mn.wait_bound("wlan", timeout=120)
    assert system.mn.admin.status()["signal_source"] == "wpa_supplicant"
    mac = system.station.point()
    (point,) = [point for point in system.points if point.mac == mac]
    for dbm in (-52, -63):
        point.heard_with(dbm)
        wait_until(lambda level=dbm: shown(system) == level, f"the agent showing {dbm} dBm", 60, interval=0.2)
