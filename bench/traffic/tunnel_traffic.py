"""The packets that load a home agent from outside, and who they are between: defined here once, for TRex
(homeward_stl.py), for pktgen-dpdk (write_pcap.py) and for the home agent that is to forward them (home_agent.py).

    generator port 0                                                             generator port 1
    192.168.0.254 ──────── access 192.168.0.1 [home agent] 192.168.1.1 home ──────── 192.168.1.254
    stands for the networks of the nodes                             stands for the correspondents

    node n            home address 10.0.1.0 + n; wlan: 172.16.0.0 + n, port 40000; cellular: 100.64.0.0 + n, port 41000
    correspondent c   198.18.0.0 + c, c < 251: a prime, so that in time every node meets every one

A packet is a template and its fields: a field counts up by one from packet to packet and begins again, which every
generator can do. Fields with the same count move together.
"""

import ipaddress
import socket
import struct
import typing

HOME_AGENT, ACCESS_GATEWAY = "192.168.0.1", "192.168.0.254"
HOME_OWN, HOME_GATEWAY = "192.168.1.1", "192.168.1.254"
HOME_NETWORK, FIRST_HOME_ADDRESS = "10.0.0.0/11", "10.0.1.0"
WLAN_NETWORK, CELLULAR_NETWORK, CORRESPONDENTS_NETWORK = "172.16.0.0/12", "100.64.0.0/12", "198.18.0.0/15"
TUNNEL_PORT, WLAN_PORT, CELLULAR_PORT = 434, 40000, 41000
CORRESPONDENTS = 251
MAX_NODES = 1 << 20  # the networks' size
WLAN, CELLULAR = 1, 2  # labels
TUNNEL_OVERHEAD = 32
SMALLEST, LARGEST = 28, 1500 - TUNNEL_OVERHEAD  # bytes of an inner packet: IPv4 and UDP headers; the tunnel's MTU
# Lengths of inner packets, and how many of each: what bench/ha mixes, too.
IMIX = ((64, 7), (576, 4), (1400, 1))
ETHERNET = 14


class Field(typing.NamedTuple):
    """A big-endian number in a packet: first, first + 1, … first + count - 1, and again."""

    name: str
    offset: int
    size: int
    first: int
    count: int


class Stream(typing.NamedTuple):
    """One kind of packet: an Ethernet frame without FCS."""

    name: str
    share: int  # of the packets in this direction, relative to the others' shares
    template: bytes  # all fields and checksums as in packet 0; MAC addresses are the generator's business
    fields: tuple
    ipv4_headers: tuple  # offsets of those whose checksum changes with the fields
    udp_header: int | None = None  # offset of the one whose checksum is computed; None: all are zero

    def packet(self, number):
        frame = bytearray(self.template)
        for field in self.fields:
            value = field.first + number % field.count
            frame[field.offset:field.offset + field.size] = value.to_bytes(field.size, "big")
        for offset in self.ipv4_headers:
            fix_ipv4_checksum(frame, offset)
        if self.udp_header is not None:
            fix_udp_checksum(frame, self.ipv4_headers[0], self.udp_header)
        return bytes(frame)


def address(text, plus=0):
    return int(ipaddress.IPv4Address(text)) + plus


def lengths(mix):
    """((bytes of inner packet, share), …) of a mix: "imix" or a length."""
    if mix == "imix":
        return IMIX
    if not mix.isdigit() or not SMALLEST <= int(mix) <= LARGEST:
        raise ValueError(f'mix: "imix" or a length from {SMALLEST} to {LARGEST}, not "{mix}"')
    return ((int(mix), 1),)


def check_nodes(nodes):
    if not 1 <= nodes <= MAX_NODES:
        raise ValueError(f"nodes: from 1 to {MAX_NODES}, not {nodes}")


def uplink(nodes, mix="64", outer_checksum=False):
    """Tunnel packets of every node by both uplinks, as they reach the access port."""
    check_nodes(nodes)
    streams = []
    for name, network, port in (("wlan", WLAN_NETWORK, WLAN_PORT), ("cellular", CELLULAR_NETWORK, CELLULAR_PORT)):
        care_of = address(network.split("/")[0])
        for length, share in lengths(mix):
            inner = udp_packet(address(FIRST_HOME_ADDRESS), address(CORRESPONDENTS_NETWORK.split("/")[0]), 5000, 443, length)
            tunnel = struct.pack("!BBH", 4, 4, 0)  # RFC 3519 §3.3: tunnel data, next header IPv4
            outer = udp_packet(care_of, address(HOME_AGENT), port, TUNNEL_PORT, length + TUNNEL_OVERHEAD, tunnel + inner)
            inside = ETHERNET + TUNNEL_OVERHEAD
            fields = (Field("care_of", ETHERNET + 12, 4, care_of, nodes),
                      Field("home_address", inside + 12, 4, address(FIRST_HOME_ADDRESS), nodes),
                      Field("correspondent", inside + 16, 4, address(CORRESPONDENTS_NETWORK.split("/")[0]), CORRESPONDENTS))
            stream = Stream(f"uplink-{name}-{length}", share, bytes(12) + b"\x08\x00" + outer, fields, (ETHERNET, inside),
                            ETHERNET + 20 if outer_checksum else None)
            streams.append(stream._replace(template=stream.packet(0)))
    return streams


def downlink(nodes, mix="64"):
    """Packets to every node's home address, as they reach the home port."""
    check_nodes(nodes)
    streams = []
    correspondents = address(CORRESPONDENTS_NETWORK.split("/")[0])
    for length, share in lengths(mix):
        packet = udp_packet(correspondents, address(FIRST_HOME_ADDRESS), 443, 5000, length)
        fields = (Field("correspondent", ETHERNET + 12, 4, correspondents, CORRESPONDENTS),
                  Field("home_address", ETHERNET + 16, 4, address(FIRST_HOME_ADDRESS), nodes))
        stream = Stream(f"downlink-{length}", share, bytes(12) + b"\x08\x00" + packet, fields, (ETHERNET,))
        streams.append(stream._replace(template=stream.packet(0)))
    return streams


def packets(streams):
    """Endlessly, each stream by its share."""
    turn = [stream for stream in streams for _ in range(stream.share)]
    sent = {stream.name: 0 for stream in streams}
    while True:
        for stream in turn:
            yield stream.packet(sent[stream.name])
            sent[stream.name] += 1


def udp_packet(source, destination, source_port, destination_port, length, payload=b""):
    """`length` bytes from the IPv4 header on, checksums zero."""
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, length, 0, 0x4000, 64, socket.IPPROTO_UDP, 0, source, destination)
    udp = struct.pack("!HHHH", source_port, destination_port, length - 20, 0)
    return (ip + udp + payload).ljust(length, b"\0")


def fix_ipv4_checksum(frame, offset):
    frame[offset + 10:offset + 12] = b"\0\0"
    frame[offset + 10:offset + 12] = checksum(frame[offset:offset + 20]).to_bytes(2, "big")


def fix_udp_checksum(frame, ip, udp):
    """RFC 768: over the pseudo header, the UDP header and the data; a result of zero is sent as all ones."""
    frame[udp + 6:udp + 8] = b"\0\0"
    pseudo = bytes(frame[ip + 12:ip + 20]) + struct.pack("!BBH", 0, socket.IPPROTO_UDP, len(frame) - udp)
    frame[udp + 6:udp + 8] = (checksum(pseudo + frame[udp:]) or 0xFFFF).to_bytes(2, "big")


def checksum(data):
    """RFC 1071."""
    data = bytes(data) + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
