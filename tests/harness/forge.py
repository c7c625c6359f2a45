"""Packets byte by byte: for captures with a known truth, and for attacks."""

import socket
import struct

TUNNEL_PORT = 434


def checksum(data):
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(protocol, source, destination, payload, ttl=64, tos=0, df=False):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), 0, 0x4000 if df else 0, ttl, protocol, 0,
                         socket.inet_aton(source), socket.inet_aton(destination))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def udp(source, destination, payload):
    """Without a checksum, which IPv4 allows."""
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def tunnelled(source, destination, source_port, destination_port, inner, next_header=4):
    """RFC 3519 tunnel data."""
    data = struct.pack("!BBH", 4, next_header, 0) + inner
    return ip(17, source, destination, udp(source_port, destination_port, data))


_SEND = """
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for line in sys.stdin:
    packet = bytes.fromhex(line)
    sock.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))
"""


def send(namespace, packets):
    """Sends whole IPv4 packets from a namespace, whatever source they claim."""
    namespace.run("/usr/bin/python3", "-c", _SEND, stdin="".join(packet.hex() + "\n" for packet in packets))


_SEND_DATAGRAM = """
import socket, sys
source, source_port, destination, port = sys.argv[1:]
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER, IP_PMTUDISC_DONT
sock.bind((source, int(source_port)))
sock.sendto(bytes.fromhex(sys.stdin.read()), (destination, int(port)))
"""


def send_datagram(namespace, source, destination, payload):
    """UDP from and to (address, port), by the kernel of a namespace: in fragments when the link is too small for it."""
    namespace.run("/usr/bin/python3", "-c", _SEND_DATAGRAM, *map(str, source + destination), stdin=payload.hex())


_SEND_TRAIN = """
import socket, sys
source, source_port, destination, port, size = sys.argv[1:]
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IP, 19, 1)  # IP_TRANSPARENT: the address may be another's
sock.setsockopt(socket.IPPROTO_UDP, 103, int(size))  # UDP_SEGMENT
sock.bind((source, int(source_port)))
sock.sendto(bytes.fromhex(sys.stdin.read()), (destination, int(port)))
"""


def send_train(namespace, source, destination, payloads):
    """UDP datagrams of one size in one piece, from and to (address, port), whatever source they claim: the kernel cuts
    them, and puts what it does not make itself outside a packet's first bytes."""
    assert len(set(map(len, payloads))) == 1
    namespace.run("/usr/bin/python3", "-c", _SEND_TRAIN, *map(str, (*source, *destination, len(payloads[0]))),
                  stdin=b"".join(payloads).hex())


class PcapWriter:
    """Ethernet frames around IPv4 packets, nanosecond times."""

    def __init__(self, path):
        self._file = open(path, "wb")
        self._file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))

    def write(self, time, packet):
        frame = bytes(12) + b"\x08\x00" + packet
        nanoseconds = round((time % 1) * 1e9) % 10**9
        self._file.write(struct.pack("<IIII", int(time), nanoseconds, len(frame), len(frame)) + frame)

    def close(self):
        self._file.close()
