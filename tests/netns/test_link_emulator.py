"""The link emulator on real frames; what it does with probabilities is tested as a model (tests/harness/link_emulator).

    a ──eth0── [emulator] ──eth0── b      captures at either end say when a frame entered and when it left
"""

import statistics
import struct
import time

import pytest
from harness.build import binary
from harness.capture import read_pcap
from harness.netns import Topology
from harness.process import HarnessError, wait_until

FRAME = 1042  # a datagram of 1000 bytes with its headers
SENDER = """
import socket, struct, sys, time
count, rate, size = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 32, 1 << 24)  # SO_SNDBUFFORCE
start = time.monotonic()
for number in range(count):
    time.sleep(max(0, start + number / rate - time.monotonic()))
    s.sendto(struct.pack("!I", number) + bytes(size - 4), (sys.argv[4], 9))
"""
SINK = "import socket, time\ns = socket.socket(2, 2)\ns.bind(('', 9))\nprint('ready', flush=True)\ntime.sleep(1000)"


class Road:
    def __init__(self, net):
        self.net, self.captures = net, 0
        self.a, self.b = net.namespace("a"), net.namespace("b")
        self.link = net.emulated_link(self.a, "eth0", self.b, "eth0", both={})
        self.a.address("eth0", "10.0.0.1/24")
        self.b.address("eth0", "10.0.0.2/24")
        for end in (self.a, self.b):
            end.start("sink", ["/usr/bin/python3", "-c", SINK]).wait_for_output("ready")
        assert self.a.ping("10.0.0.2").returncode == 0  # and both know each other's MAC address
        for end, other in ((self.a, self.b), (self.b, self.a)):
            mac = other.run("cat", "/sys/class/net/eth0/address").stdout.strip()
            address = "10.0.0.2" if end is self.a else "10.0.0.1"
            end.ip("neighbour", "replace", address, "lladdr", mac, "dev", "eth0", "nud", "permanent")

    def plain(self):
        """A cable without faults again."""
        self.link.set(both={"rate_mbps": 0, "delay_ms": 0, "jitter_ms": 0, "loss": 0, "reorder": 0, "duplicate": 0,
                            "queue_ms": 0, "queue_bytes": 0, "blackhole": False, "bursts": {"enter": 0, "leave": 1}})

    def listen(self, *ends):
        self.captures += 1
        return [end.capture("eth0", f"{end.name}-{self.captures}", "udp port 9", snap=64) for end in ends]

    def send(self, count, rate, up=True, size=1000):
        """Numbered datagrams a → b, or back, `rate` a second."""
        source, destination = (self.a, "10.0.0.2") if up else (self.b, "10.0.0.1")
        source.run("/usr/bin/python3", "-c", SENDER, count, rate, size, destination)

    def settled(self):
        """Waits until nothing is under way."""
        wait_until(lambda: not any(self.link.report()[way]["under_way"] for way in ("forward", "backward")), "the link to empty")

    def journey(self, count, rate, up=True):
        """[(number, time)] where they entered and where they left."""
        ends = (self.a, self.b) if up else (self.b, self.a)
        captures = self.listen(*ends)
        self.send(count, rate, up)
        self.settled()
        entered, left = ([(struct.unpack_from("!I", frame, 42)[0], stamp) for stamp, frame, _ in read_pcap(capture.stop())]
                         for capture in captures)
        assert [number for number, _ in entered] == list(range(count))
        return entered, left


@pytest.fixture(scope="module")
def road_of_all():
    with Topology("link") as net:
        yield Road(net)


@pytest.fixture
def road(road_of_all):
    road_of_all.plain()
    return road_of_all


def delays_ms(entered, left):
    start = dict(entered)
    return [1000 * (stamp - start[number]) for number, stamp in left]


@pytest.mark.parametrize(("forward", "backward"), [(5, 40), (40, 5)])
def test_each_direction_has_its_delay(road, forward, backward):
    """Nothing is early; most is on time; how late the rest may be is the machine's affair."""
    road.link.set(forward={"delay_ms": forward}, backward={"delay_ms": backward})
    for up, wanted in ((True, forward), (False, backward)):
        entered, left = road.journey(1000, 1000, up)
        assert [number for number, _ in left] == list(range(1000))
        delays = delays_ms(entered, left)
        assert min(delays) > wanted - 0.1
        assert statistics.median(delays) < wanted + 1


def test_jitter_stays_within_its_bounds_and_keeps_the_order(road):
    road.link.set(both={"delay_ms": 20, "jitter_ms": 5})
    entered, left = road.journey(1000, 200)
    assert [number for number, _ in left] == list(range(1000))
    delays = delays_ms(entered, left)
    assert min(delays) > 14.9
    # A frame waits for the one before it: at 5 ms apart that moves the mean a little.
    assert statistics.mean(delays) == pytest.approx(20.5, abs=1.5)
    assert statistics.stdev(delays) == pytest.approx(5 * 2 / 12**0.5, abs=1)


@pytest.mark.parametrize("mbps", [3.61, 14.67, 100])
def test_rate_is_exact(road, mbps):
    """What is sent faster than that leaves at the rate, whatever pace the sender kept."""
    road.link.set(both={"rate_mbps": mbps, "queue_ms": 5000})
    count = int(mbps * 1e6 / 8 / FRAME * 1.2)  # 1.2 s of it
    entered, left = road.journey(count, 3 * mbps * 1e6 / 8 / FRAME)
    assert len(left) == count
    busy_until, late = 0.0, []
    for (_, stamp), (_, departure) in zip(entered, left):
        busy_until = max(stamp, busy_until) + FRAME * 8 / (mbps * 1e6)
        late.append(departure - busy_until)
    # A stamp of the capture may be later than the frame, by as long as the machine was elsewhere.
    assert min(late) > -0.005
    # Medians of many, so that one late wake-up does not count. Of a rate that is wrong lateness would grow.
    head, tail = statistics.median(late[:count // 4]), statistics.median(late[-count // 4:])
    assert (tail - head) / (left[-1][1] - left[0][1]) == pytest.approx(0, abs=0.01)


def test_a_queue_in_bytes_drops_its_tail(road):
    road.link.set(both={"rate_mbps": 1, "queue_bytes": 20 * FRAME})
    before = road.link.report()["forward"]
    _, left = road.journey(60, 1e6)
    assert [number for number, _ in left][:20] == list(range(20))
    assert 20 <= len(left) <= 25  # some left while others came
    assert road.link.report()["forward"]["overflowed"] - before["overflowed"] == 60 - len(left)


@pytest.mark.parametrize(("conditions", "low", "high"), [
    ({"loss": 0.05}, 0.02, 0.08),
    ({"bursts": {"enter": 0.02, "leave": 0.25}}, 0.02, 0.15),
])
def test_lost_frames_are_counted(road, conditions, low, high):
    before = road.link.report()["forward"]
    road.link.set(forward=conditions)
    _, left = road.journey(2000, 4000)
    lost = 2000 - len(left)
    assert low < lost / 2000 < high
    assert road.link.report()["forward"]["lost"] - before["lost"] == lost
    _, back = road.journey(200, 4000, up=False)
    assert len(back) == 200


def test_reordered_frames_are_overtaken_and_duplicates_come_twice(road):
    road.link.set(both={"delay_ms": 5, "reorder": 0.1, "reorder_ms": 10, "duplicate": 0.1})
    before = road.link.report()["forward"]
    entered, left = road.journey(1000, 1000)
    after = road.link.report()["forward"]
    delays = delays_ms(entered, left)
    held_back = sum(delay > 14.9 for delay in delays)
    assert held_back >= after["reordered"] - before["reordered"] > 50
    assert len(left) - 1000 == after["duplicated"] - before["duplicated"] > 50
    assert sum(b < a for (a, _), (b, _) in zip(left, left[1:])) > 50


def test_a_blackhole_keeps_the_link_up_and_swallows_what_is_under_way(road):
    road.link.set(both={"delay_ms": 300})
    capture, = road.listen(road.b)
    road.send(20, 1e5)
    wait_until(lambda: road.link.report()["forward"]["under_way"], "frames under way")
    road.link.set(both={"blackhole": True})
    road.settled()
    assert "LOWER_UP" in road.a.ip("link", "show", "eth0").stdout
    assert road.a.ping("10.0.0.2").returncode != 0
    road.plain()
    assert road.a.ping("10.0.0.2").returncode == 0
    assert list(read_pcap(capture.stop())) == []


def test_a_cut_is_seen_by_the_kernel_and_ends(road):
    road.link.cut()
    wait_until(lambda: "NO-CARRIER" in road.a.ip("link", "show", "eth0").stdout, "the carrier to go")
    road.link.restore()
    wait_until(lambda: road.a.ping("10.0.0.2").returncode == 0, "the link to carry again")


def test_a_trace_makes_outages_when_it_says(road, tmp_path):
    trace = tmp_path / "links.csv"
    trace.write_text("# mn-trace v1\nt_s,iface,connected,rtt_ms\n"
                     "5,wlan0,1,20\n5.4,wlan0,0,\n5.9,wlan0,1,\n6.2,wlan0,0,\n6.3,wlan0,1,60\n")
    captures = road.listen(road.a, road.b)
    sender = road.a.start("outages", ["/usr/bin/python3", "-c", SENDER, 2200, 1000, 100, "10.0.0.2"])
    time.sleep(0.3)  # some before the trace begins
    at = road.link.play(trace, "wlan0")
    offset = time.time() - time.monotonic()
    sender.wait()
    road.settled()
    entered, left = ({struct.unpack_from("!I", frame, 42)[0]: stamp - offset - at for stamp, frame, _ in read_pcap(c.stop())}
                     for c in captures)
    lost = {number: stamp for number, stamp in entered.items() if number not in left}
    # A frame vanishes if it enters in the outage or would leave in it (10 ms later).
    dark = [(0.39, 0.9), (1.19, 1.3)]
    for number, stamp in entered.items():
        if any(begin + 0.005 < stamp < end - 0.005 for begin, end in dark):
            assert number in lost, stamp
        elif not any(begin - 0.005 < stamp < end + 0.005 for begin, end in dark):
            assert number not in lost, stamp
    assert min(left[number] - entered[number] for number in left if entered[number] > 1.31) > 0.0299


def test_it_carries_100_mbit_both_ways(road):
    """None is lost before the emulated queue, and TCP fills most of the rate both ways."""
    road.link.set(both={"rate_mbps": 110, "delay_ms": 5, "queue_ms": 100})
    server = road.b.start("iperf3", ["iperf3", "--forceflush", "--server", "--one-off"])
    server.wait_for_output("Server listening")
    road.a.run("iperf3", "--client", "10.0.0.2", "--bidir", "--time", "4", "--json")
    report = road.link.report()
    for way in ("forward", "backward"):
        assert report[way]["overrun"] == report[way]["oversized"] == 0
        assert report[way]["delivered"] * 1514 * 8 / 4 > 80e6


@pytest.mark.parametrize(("mistake", "text"), [
    ({"both": {"rate": 3}}, "both.rate: unknown key"),
    ({"forward": {"loss": 2}}, "forward.loss: expected a number from 0.0 to 1.0"),
    ({"sideways": {}}, "sideways: unknown key"),
])
def test_a_mistake_changes_nothing(road, mistake, text):
    with pytest.raises(HarnessError, match=text):
        road.link.set(**{"both": {"blackhole": True}, **mistake})
    assert road.a.ping("10.0.0.2").returncode == 0


def test_it_names_an_interface_that_is_not_there():
    with Topology("nolink") as net:
        a = net.namespace("a")
        assert "eth7" in a.run(binary("link-emulator"), "lo", "eth7", check=False).stderr
