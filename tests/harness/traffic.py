"""What a capture says: tunnelled packets, TCP bytes that arrived for the first time, RTP packets, video frames."""

import heapq
import socket
import struct
import typing

from .capture import read_pcap

TUNNEL_PORT = 434
TUNNEL_DATA = b"\x04\x04"
TS_PACKET = 188


class Packet(typing.NamedTuple):
    """An IPv4 packet of an application, as it was inside the tunnel or on the home link."""

    time: float
    down: bool  # towards the node
    frame_length: int
    data: bytes  # from the IPv4 header on, cut at the capture's snap length
    uplink: str = ""

    @property
    def source(self):
        return socket.inet_ntoa(self.data[12:16])

    @property
    def destination(self):
        return socket.inet_ntoa(self.data[16:20])

    @property
    def protocol(self):
        return self.data[9]

    @property
    def header_length(self):
        return (self.data[0] & 15) * 4

    @property
    def length(self):
        return struct.unpack_from("!H", self.data, 2)[0]

    @property
    def ports(self):
        return struct.unpack_from("!HH", self.data, self.header_length)


def tunnelled(path, uplink):
    """Packets carried by an uplink, tunnel header taken off."""
    for time, frame, length in read_pcap(path):
        if frame[12:14] != b"\x08\x00" or frame[23] != 17:
            continue
        udp = 14 + (frame[14] & 15) * 4
        source, destination = struct.unpack_from("!HH", frame, udp)
        if TUNNEL_PORT in (source, destination) and frame[udp + 8:udp + 10] == TUNNEL_DATA:
            yield Packet(time, source == TUNNEL_PORT, length, frame[udp + 12:], uplink)


def plain(path, node):
    """IPv4 packets on the home link."""
    address = socket.inet_aton(node)
    for time, frame, length in read_pcap(path):
        if frame[12:14] == b"\x08\x00":
            yield Packet(time, frame[30:34] == address, length, frame[14:])


def at_the_node(uplinks):
    """Packets of both uplinks in order of time; `uplinks` maps their names to captures."""
    return heapq.merge(*[tunnelled(path, name) for name, path in uplinks.items()], key=lambda packet: packet.time)


class Coverage:
    """Which bytes of one TCP stream have arrived. Sequence numbers wrap; holes are few."""

    def __init__(self, first):
        self._next = first  # everything before it has arrived
        self._islands = []  # (start, end) beyond it, sorted, disjoint

    def add(self, sequence, length):
        """Number of bytes of this segment that had not arrived before."""
        start = self._next + _signed(sequence - self._next)
        end = start + length
        start = max(start, self._next)
        if end <= start:
            return 0
        known = sum(max(0, min(end, b) - max(start, a)) for a, b in self._islands)
        touching = [(a, b) for a, b in self._islands if a <= end and b >= start]
        self._islands = [island for island in self._islands if island not in touching]
        merged = (min([start, *[a for a, _ in touching]]), max([end, *[b for _, b in touching]]))
        if merged[0] <= self._next:
            self._next = merged[1]
        else:
            self._islands = sorted([*self._islands, merged])
        return end - start - known


def _signed(difference):
    return (difference + (1 << 31)) % (1 << 32) - (1 << 31)


def tcp_arrivals(packets, server_ports):
    """(time, server, new bytes) of the TCP payload towards the node; `server_ports` chooses the server's ports."""
    streams = {}
    for packet in packets:
        if not packet.down or packet.protocol != 6:
            continue
        tcp = packet.header_length
        source, destination, sequence = struct.unpack_from("!HHI", packet.data, tcp)
        if not server_ports(source):
            continue
        offset, flags = packet.data[tcp + 12] >> 4, packet.data[tcp + 13]
        sequence += 1 if flags & 2 else 0
        payload = packet.length - tcp - offset * 4
        key = (packet.source, source, destination)
        if key not in streams:
            streams[key] = Coverage(sequence)
        if payload > 0:
            new = streams[key].add(sequence, payload)
            if new:
                yield packet.time, packet.source, new


class RtpPacket(typing.NamedTuple):
    time: float
    sequence: int  # unwrapped
    payload: bytes
    uplink: str


def rtp_packets(packets, port):
    """RTP towards the node's `port`, in order of time; sequence numbers continue beyond 16 bits."""
    last = None
    for packet in packets:
        if not packet.down or packet.protocol != 17:
            continue
        udp = packet.header_length
        if packet.ports[1] != port or packet.data[udp + 9] & 0x7F != 33:
            continue
        sequence = struct.unpack_from("!H", packet.data, udp + 10)[0]
        last = sequence if last is None else last + ((sequence - last + 0x8000) & 0xFFFF) - 0x8000
        yield RtpPacket(packet.time, last, packet.data[udp + 20:packet.length], packet.uplink)


class Frame(typing.NamedTuple):
    """A video frame as it was sent."""

    pts: int  # 90 kHz
    time: float  # when its first packet was sent
    sequences: set  # of the RTP packets that carry it


def sent_frames(packets):
    """The frames in a complete RTP stream of one video."""
    frames, pid = [], None
    for packet in packets:
        for offset in range(0, len(packet.payload) - TS_PACKET + 1, TS_PACKET):
            ts = packet.payload[offset:offset + TS_PACKET]
            this_pid = struct.unpack_from("!H", ts, 1)[0] & 0x1FFF
            starts = ts[1] & 0x40
            body = 4 + (1 + ts[4] if ts[3] & 0x20 else 0)
            if starts and ts[body:body + 3] == b"\0\0\1" and ts[body + 3] & 0xF0 == 0xE0:
                pid = this_pid
                frames.append(Frame(_pts(ts[body + 9:body + 14]), packet.time, set()))
            if this_pid == pid and ts[3] & 0x10 and frames:
                frames[-1].sequences.add(packet.sequence)
    return frames


def _pts(field):
    a, b, c = field[0], *struct.unpack("!HH", field[1:5])
    return (a >> 1 & 7) << 30 | b >> 1 << 15 | c >> 1


def transport_stream(packets):
    """The payload in order, each packet once: what a receiver with a reordering buffer hands to its decoder."""
    by_sequence = {packet.sequence: packet.payload for packet in packets}
    return b"".join(by_sequence[sequence] for sequence in sorted(by_sequence))
