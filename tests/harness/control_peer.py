"""Control's end of the data plane's socket, for tests that run the data plane alone: speaks control/ipc/messages.h."""

import ipaddress
import os
import socket
import struct
import time

from .process import Timeout

MAGIC, VERSION = 0x484D5744, 1
(HELLO, SYNC_BEGIN, SYNC_END, SETTINGS, HOME_NETWORK, HOME_NETWORK_REMOVE, POLICY_CHUNK, POLICY_REMOVE, BINDING_PUT,
 BINDING_REMOVE, ARP_ANNOUNCE, ACK, COUNTERS_REQUEST, COUNTERS_REPLY, REFUSED) = range(1, 16)
HEADER = struct.Struct("=IHHQHHI")
COUNTER = struct.Struct("=56sQ")
MAX_UPLINKS = 8


def address(text):
    return int(ipaddress.IPv4Address(text))


def settings(home_agent, tunnel_mtu=1468, udp_checksum=True):
    return struct.pack("=IHBBHBBI", address(home_agent), 434, udp_checksum, 0, tunnel_mtu, 1, 0, 100)


def home_network(prefix, port):
    network = ipaddress.IPv4Network(prefix)
    return struct.pack("=IB3x16s", int(network.network_address), network.prefixlen, port.encode())


def binding(home_address, *uplinks):
    """`uplinks`: (care-of address, port, label), all up, first choice first."""
    packed = b"".join(struct.pack("=IHBBBBH", address(care_of), port, label, label, 1, 0, 0)
                      for care_of, port, label in uplinks)
    return struct.pack("=IIBBH", address(home_address), 0, 0, len(uplinks), 0) + packed.ljust(12 * MAX_UPLINKS, b"\0")


def binding_remove(home_address):
    return struct.pack("=I", address(home_address))


def announcement(home_address, mac=bytes(6), repeat=3):
    return struct.pack("=I6sBB", address(home_address), mac, repeat, 0)


class ControlPeer:
    """Listens at `path`. One data plane at a time."""

    def __init__(self, path):
        self.path = str(path)
        self.state = []  # (type, record): what a replay tells
        self.listener = None
        self.connection = None
        self.sequence = 0
        self.acknowledged = 0
        self.hello = None
        self.refused = []
        self.listen()

    def listen(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen(1)

    def close(self):
        """As a control that died: nobody listens any more."""
        for held in (self.connection, self.listener):
            if held:
                held.close()
        self.connection = self.listener = None

    def accept(self, timeout=20.0):
        """Takes a data plane's connection, replays `state`, and waits until it is in force."""
        self.accept_only(timeout)
        self.replay()
        return self.hello

    def accept_only(self, timeout=20.0):
        self.listener.settimeout(timeout)
        self.connection, _ = self.listener.accept()
        self.sequence = self.acknowledged = 0
        kind, _, body = self._receive(timeout)
        assert kind == HELLO, kind
        pid, workers, started, release = struct.unpack("=IIQ32s", body)
        self.hello = {"pid": pid, "workers": workers, "started": started, "release": release.rstrip(b"\0").decode()}

    def replay(self):
        self.send(SYNC_BEGIN)
        for kind, record in self.state:
            self.send(kind, record)
        self.send(SYNC_END)
        self.wait_acknowledged()

    def send(self, kind, *records, magic=MAGIC, version=VERSION):
        self.sequence += 1
        header = HEADER.pack(magic, version, kind, self.sequence, len(records), 0, 0)
        self.connection.send(header + b"".join(records))
        return self.sequence

    def apply(self, kind, *records):
        """Sends and waits until the workers see it."""
        self.send(kind, *records)
        self.wait_acknowledged()

    def wait_acknowledged(self, timeout=5.0):
        deadline = time.monotonic() + timeout
        while self.acknowledged < self.sequence:
            if time.monotonic() > deadline:
                raise Timeout(f"sequence {self.sequence} was not acknowledged, {self.acknowledged} was")
            self._receive(timeout)

    def counters(self):
        asked = self.send(COUNTERS_REQUEST)
        result = {}
        while True:
            kind, header, body = self._receive(5.0)
            if kind != COUNTERS_REPLY or header[3] != asked:
                continue
            for name, value in COUNTER.iter_unpack(body):
                result[name.rstrip(b"\0").decode()] = value
            if not header[5]:
                self.acknowledged = max(self.acknowledged, asked)
                return result

    def _receive(self, timeout):
        self.connection.settimeout(timeout)
        packet = self.connection.recv(64 * 1024)
        if not packet:
            raise ConnectionError("the data plane closed the connection")
        header = HEADER.unpack_from(packet)
        magic, version, kind, sequence = header[:4]
        assert (magic, version) == (MAGIC, VERSION), header
        body = packet[HEADER.size:]
        if kind == ACK:
            self.acknowledged = max(self.acknowledged, sequence)
        elif kind == REFUSED:
            self.refused.append(body.rstrip(b"\0").decode())
        return kind, header, body
