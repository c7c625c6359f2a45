"""The demo's numbers from captures whose truth is known: made here packet by packet.

    video server ──plain──▶ [home agent] ──tunnel──▶ wlan | cellular ──▶ node
"""

import contextlib
import json
import pathlib
import struct
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "demo"))

import recompute  # noqa: E402
from harness import forge  # noqa: E402
from harness.homeward import FTP_SERVER, HOME_ADDRESS, HOME_AGENT, VIDEO_SERVER  # noqa: E402
from harness.process import run  # noqa: E402
from media import RTP_PAYLOAD, RTP_PORT, encode_clip  # noqa: E402
from harness.traffic import Coverage, at_the_node, rtp_packets  # noqa: E402

START = 1_700_000_000.0


def tunnel(inner):
    return forge.tunnelled(HOME_AGENT, "10.1.1.2", 434, 4434, inner)


def rtp(sequence, payload):
    return forge.ip(17, VIDEO_SERVER, HOME_ADDRESS, forge.udp(40000, RTP_PORT, struct.pack("!BBHII", 0x80, 33, sequence & 0xFFFF, 0, 1) + payload))


def tcp(server, sequence, length, flags=0x10, port=20000):
    header = struct.pack("!HHIIBBHHH", port, 50000, sequence & 0xFFFFFFFF, 0, 0x50, flags, 100, 0, 0)
    return forge.ip(6, server, HOME_ADDRESS, header + bytes(length))


@pytest.mark.parametrize("segments, new", [
    ([(100, 50), (150, 50)], [50, 50]),
    ([(100, 50), (100, 50)], [50, 0]),
    ([(150, 50), (100, 50)], [50, 50]),
    ([(150, 50), (100, 150)], [50, 100]),
    ([(150, 50), (250, 50), (100, 200)], [50, 50, 100]),
    ([(150, 50), (160, 10), (100, 60), (100, 100)], [50, 0, 50, 0]),
    ([(100, 0xFFFFFFC0 - 100), (0xFFFFFFC0, 0x80), (0x40, 10), (0x20, 10)], [0, 0, 10, 0]),
])
def test_only_bytes_not_seen_before_count(segments, new):
    coverage = Coverage(100)
    if segments[0][1] > 1 << 31:
        coverage, new[0], new[1], segments = Coverage(0xFFFFFFC0), 0, 0x80, [(0xFFFFFFC0, 0), *segments[1:]]
    assert [coverage.add(*segment) for segment in segments] == new


@pytest.fixture(scope="module")
def demo_output(tmp_path_factory):
    """Captures of three downloads and of a video with one drain (nothing lost) and one cut (5 packets lost)."""
    directory = tmp_path_factory.mktemp("demo")
    events = {"runs": {}, "handovers": []}
    for number, (name, rates) in enumerate({"cellular": {"cellular": 4}, "wifi": {"wlan": 16}, "both": {"cellular": 4, "wlan": 16}}.items()):
        downloads(directory, name, START + 100 * number, rates)
        events["runs"][name] = {"start": START + 100 * number + 1, "end": START + 100 * number + 3}
    video(directory, events)
    (directory / "events.json").write_text(json.dumps(events))
    return directory


def downloads(directory, name, start, segments_per_100ms):
    """Segments of 1000 bytes, each sent twice on the same uplink: only the first counts."""
    for uplink in ("wlan", "cellular"):
        writer = forge.PcapWriter(directory / f"{name}-{uplink}.pcap")
        count = segments_per_100ms.get(uplink, 0)
        server = VIDEO_SERVER if uplink == "cellular" else FTP_SERVER
        for segment in range(count * 40):
            time = start + segment * 0.1 / count
            for _ in range(2):
                writer.write(time, tunnel(tcp(server, 0xFFFFF000 + segment * 1000, 1000)))
            writer.write(time, tunnel(tcp(server, segment * 100, 100, port=21)))
        writer.close()


def video(directory, events):
    clip = encode_clip(directory / "clip.ts", seconds=5).read_bytes()
    payloads = [clip[i:i + RTP_PAYLOAD] for i in range(0, len(clip), RTP_PAYLOAD)]
    server = forge.PcapWriter(directory / "handover-video-server.pcap")
    uplinks = {name: forge.PcapWriter(directory / f"handover-{name}.pcap") for name in ("wlan", "cellular")}
    step = 5.0 / len(payloads)
    drain, back, cut = (int(len(payloads) * part) for part in (0.2, 0.4, 0.6))
    for index, payload in enumerate(payloads):
        time, packet = START + index * step, rtp(65530 + index, payload)
        server.write(time, packet)
        if cut <= index < cut + 5:
            continue
        on_cellular = drain <= index < back or index >= cut
        uplinks["cellular" if on_cellular else "wlan"].write(time + 0.001, tunnel(packet))
    uplinks["cellular"].write(START + 3.2, tunnel(tcp(FTP_SERVER, 1, 1000)))
    for writer in (server, *uplinks.values()):
        writer.close()
    for kind, index in (("planned", drain), ("planned", back), ("cut", cut)):
        events["handovers"].append({"kind": kind, "time": START + index * step - 0.002, "path_rtt_ms": 1.0})
    events["step"] = step


def test_goodput_counts_application_bytes_once(demo_output):
    numbers, samples = recompute.recompute(demo_output)
    assert numbers["cellular_mbps"] == pytest.approx(0.32)
    assert numbers["wifi_mbps"] == pytest.approx(1.28)
    assert numbers["share_of_sum"] == pytest.approx(1.0)
    assert numbers["gain_over_wifi"] == pytest.approx(1.25)
    assert set(samples["both"]) == {VIDEO_SERVER, FTP_SERVER}
    assert len(samples["both"][FTP_SERVER]) == 4


def test_each_handover_is_judged_by_itself(demo_output):
    numbers, _ = recompute.recompute(demo_output)
    step_ms = 1000 * json.loads((demo_output / "events.json").read_text())["step"]
    away, home = numbers["handover"]["planned"]
    (cut,) = numbers["handover"]["cut"]
    assert (away["from"], away["to"], home["from"], home["to"]) == ("wlan", "cellular", "cellular", "wlan")
    assert away["packets_lost"] == away["video_frames_lost"] == home["packets_lost"] == home["video_frames_lost"] == 0
    assert away["gap_ms"] == pytest.approx(step_ms, abs=0.01)
    assert cut["packets_lost"] == 5
    assert cut["gap_ms"] == pytest.approx(6 * step_ms, abs=0.01)
    assert cut["video_frames_damaged"] > 0
    assert cut["tcp_survived"]


def test_what_the_node_asks_the_home_agent_is_no_packet_of_an_application(tmp_path):
    with contextlib.closing(forge.PcapWriter(tmp_path / "wifi-wlan.pcap")) as wlan:
        for protocol, to in ((6, FTP_SERVER), (1, FTP_SERVER), (1, HOME_AGENT)):
            up = forge.ip(protocol, HOME_ADDRESS, to, bytes(20))
            wlan.write(START, forge.tunnelled("10.1.1.2", HOME_AGENT, 4434, 434, up))
        wlan.write(START, tunnel(tcp(FTP_SERVER, 1, 100)))
    forge.PcapWriter(tmp_path / "wifi-cellular.pcap").close()
    assert recompute.packets_up(tmp_path, "wifi") == 2


def test_a_whole_lost_frame_is_counted(demo_output, tmp_path):
    """Without the packets of one second of video, about 30 of its frames cannot be decoded."""
    for path in demo_output.glob("*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    kept = forge.PcapWriter(tmp_path / "handover-cellular.pcap")
    for packet in at_the_node({"cellular": demo_output / "handover-cellular.pcap"}):
        if not START + 3.5 <= packet.time < START + 4.5:
            kept.write(packet.time, tunnel(packet.data))
    kept.close()
    numbers, _ = recompute.recompute(tmp_path)
    assert 27 <= numbers["handover"]["cut"][0]["video_frames_lost"] <= 34


def test_sequence_numbers_continue_over_the_wrap(demo_output):
    sequences = [packet.sequence for packet in rtp_packets(at_the_node({"wlan": demo_output / "handover-wlan.pcap"}), RTP_PORT)]
    assert sequences[0] == 65530 and sequences == sorted(sequences) and sequences[-1] > 65535


def test_check_finds_a_number_that_the_captures_do_not_support(demo_output):
    numbers, _ = recompute.recompute(demo_output)
    command = ["/usr/bin/python3", recompute.__file__, demo_output, "--check"]
    (demo_output / "results.json").write_text(json.dumps(numbers))
    assert run(command).returncode == 0
    numbers["handover"]["cut"][0]["packets_lost"] = 0
    (demo_output / "results.json").write_text(json.dumps(numbers))
    done = run(command, check=False)
    assert done.returncode == 1 and "handover.cut[0].packets_lost" in done.stderr
