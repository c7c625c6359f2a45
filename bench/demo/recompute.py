#!/usr/bin/python3
"""Every number of the demo from its captures: recompute.py DIRECTORY [--check]

DIRECTORY holds the captures and events.json, which says only when something was done: when a run's measuring window
began and ended, when the WiFi was cut or drained, and the path's round-trip time measured just before. Definitions
are in docs/demo.md. `--check` compares with results.json there and exits 1 if a number differs.
"""

import argparse
import bisect
import json
import pathlib
import socket
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))

from media import RTP_PORT, decoded_frames
from network import UPLINKS

from harness.homeward import HOME_ADDRESS, HOME_AGENT
from harness.process import HarnessError
from harness.traffic import at_the_node, plain, rtp_packets, sent_frames, tcp_arrivals, transport_stream

SAMPLE_S = 0.5
# A packet sent just before the cut was still in a queue when the link went: it belongs to that cut.
IN_FLIGHT_S = 0.25
# How long after the first packet on the other path a silence still counts as part of the handover.
SETTLE_S = 0.1

FTP_CONTROL_PORTS = (21, 2121)


def is_data_port(port):
    """FTP's control connection is not application data."""
    return port not in FTP_CONTROL_PORTS


def uplink_captures(directory, run):
    return {uplink: directory / f"{run}-{uplink}.pcap" for uplink in UPLINKS}


def bytes_per_uplink(directory, run):
    """Bytes of whole frames that carried tunnel data."""
    total = {uplink: {"down": 0, "up": 0} for uplink in UPLINKS}
    for packet in at_the_node(uplink_captures(directory, run)):
        total[packet.uplink]["down" if packet.down else "up"] += packet.frame_length
    return total


def packets_up(directory, run):
    """Those of applications: the node's own keepalives and probes are addressed to the home agent, and no policy is asked."""
    own = socket.inet_aton(HOME_AGENT)
    return sum(1 for packet in at_the_node(uplink_captures(directory, run)) if not packet.down and packet.data[16:20] != own)


def goodput(directory, run, window):
    """(Mbit/s in the window, Mbit/s of each sample and server) of application bytes at the node."""
    start, end = window["start"], window["end"]
    count = round((end - start) / SAMPLE_S)
    samples = {}
    for time, server, new in tcp_arrivals(at_the_node(uplink_captures(directory, run)), is_data_port):
        index = int((time - start) / SAMPLE_S)
        if start <= time < end and index < count:
            samples.setdefault(server, [0.0] * count)[index] += new * 8 / SAMPLE_S / 1e6
    mean = sum(sum(series) for series in samples.values()) / count
    return mean, samples


def throughput(directory, events):
    """The paper's Fig. 5."""
    means, samples = {}, {}
    for run, window in events["runs"].items():
        means[run], samples[run] = goodput(directory, run, window)
    alone = means["wifi"] + means["cellular"]
    return {
        "cellular_mbps": means["cellular"], "wifi_mbps": means["wifi"], "both_mbps": means["both"],
        "gain_over_wifi": means["both"] / means["wifi"], "share_of_sum": means["both"] / alone,
    }, samples


def largest_silence(times, start, end):
    """Longest time without a packet among those that overlap [start, end]."""
    first = max(0, bisect.bisect_left(times, start) - 1)
    last = min(len(times) - 1, bisect.bisect_right(times, end))
    return max(b - a for a, b in zip(times[first:last], times[first + 1:last + 1]))


class Handovers:
    """The live video's captures, asked about one handover after the other."""

    def __init__(self, directory, events):
        self.events = sorted(events["handovers"], key=lambda event: event["time"])
        self.sent = list(rtp_packets(plain(directory / "handover-video-server.pcap", HOME_ADDRESS), RTP_PORT))
        self.received = list(rtp_packets(at_the_node(uplink_captures(directory, "handover")), RTP_PORT))
        self.times = [packet.time for packet in self.received]
        # What was still to come when the sender was stopped is not judged.
        self.end = self.sent[-1].time - 0.5
        if self.events[-1]["time"] + 4 * SETTLE_S > self.end:
            raise HarnessError("the video ended before the last handover")
        arrived = {packet.sequence for packet in self.received}
        self.lost_packets = [p for p in self.sent if p.sequence not in arrived and p.time < self.end]
        self.frames = [frame for frame in sent_frames(self.sent) if frame.time < self.end]
        missing = {packet.sequence for packet in self.lost_packets}
        self.damaged_frames = [frame for frame in self.frames if frame.sequences & missing]
        with tempfile.NamedTemporaryFile(suffix=".ts") as file:
            file.write(transport_stream(self.received))
            file.flush()
            decoded = decoded_frames(file.name)
        # A frame counts when the bytes on the uplinks decode to it and the receiver's own recording does, too.
        recording = directory / "received.ts"
        self.decoded = decoded & decoded_frames(recording) if recording.exists() else decoded
        self.lost_frames = [frame for frame in self.frames if frame.pts not in self.decoded]
        self.tcp = [(t, new) for t, _, new in tcp_arrivals(at_the_node(uplink_captures(directory, "handover")), is_data_port)]

    def _during(self, index, items):
        start = self.events[index]["time"] - IN_FLIGHT_S
        end = self.events[index + 1]["time"] - IN_FLIGHT_S if index + 1 < len(self.events) else float("inf")
        return sum(1 for item in items if start <= item.time < end)

    def _uplink_at(self, time):
        index = bisect.bisect_right(self.times, time) - 1
        return self.received[max(0, index)].uplink

    def _first_elsewhere(self, start, end):
        """When the first packet came over another uplink than before; `end` if none did."""
        before = self._uplink_at(start)
        first, last = bisect.bisect_left(self.times, start), bisect.bisect_left(self.times, end)
        return next((packet.time for packet in self.received[first:last] if packet.uplink != before), end)

    def judge(self, index):
        event = self.events[index]
        next_time = self.events[index + 1]["time"] if index + 1 < len(self.events) else self.end
        moved = self._first_elsewhere(event["time"], next_time)
        return {
            "gap_ms": 1000 * largest_silence(self.times, event["time"], min(moved + SETTLE_S, next_time)),
            "path_rtt_ms": event["path_rtt_ms"],
            "packets_lost": self._during(index, self.lost_packets),
            "video_frames_lost": self._during(index, self.lost_frames),
            "video_frames_damaged": self._during(index, self.damaged_frames),
            "tcp_survived": any(event["time"] < t < next_time for t, _ in self.tcp),
            "from": self._uplink_at(event["time"]), "to": self._uplink_at(next_time - 0.05),
        }

    def summary(self):
        judged = [(event["kind"], self.judge(index)) for index, event in enumerate(self.events)]
        of_kind = {kind: [numbers for k, numbers in judged if k == kind] for kind in ("planned", "cut", "return")}
        quiet = sorted(b - a for a, b in zip(self.times, self.times[1:]))
        return {**of_kind, "video": {
            "packets_sent": len(self.sent), "packets_lost": len(self.lost_packets),
            "frames_sent": len(self.frames), "frames_decoded": len(self.frames) - len(self.lost_frames),
            "mbps": sum(len(p.payload) + 12 for p in self.sent) * 8 / (self.sent[-1].time - self.sent[0].time) / 1e6,
            "usual_spacing_ms": 1000 * quiet[len(quiet) // 2]}}


def recompute(directory):
    """(numbers as in results.json, samples of Fig. 5)."""
    events = json.loads((directory / "events.json").read_text())
    numbers, samples = throughput(directory, events)
    numbers["handover"] = Handovers(directory, events).summary()
    numbers["bytes_per_uplink"] = {run: bytes_per_uplink(directory, run) for run in [*events["runs"], "handover"]}
    return numbers, samples


def differences(computed, stored, path=""):
    """Paths at which two sets of numbers differ."""
    if isinstance(computed, dict):
        return [d for key in computed for d in differences(computed[key], stored.get(key), f"{path}.{key}".strip("."))]
    if isinstance(computed, list):
        if len(computed) != len(stored or []):
            return [path]
        return [d for i, item in enumerate(computed) for d in differences(item, stored[i], f"{path}[{i}]")]
    if isinstance(computed, float):
        return [] if stored is not None and abs(computed - stored) <= 0.006 else [path]
    return [] if computed == stored else [path]


def main():
    parser = argparse.ArgumentParser(description="Recompute the demo's numbers from its captures.")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="compare with results.json")
    arguments = parser.parse_args()
    numbers, _ = recompute(arguments.directory)
    if not arguments.check:
        print(json.dumps(numbers, indent=2))
        return 0
    wrong = differences(numbers, json.loads((arguments.directory / "results.json").read_text()))
    for path in wrong:
        print(f"differs from results.json: {path}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
