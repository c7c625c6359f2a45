"""The data plane's end of the control socket (control/ipc/include/ipc/messages.h) without a data plane: it keeps what
it is told and acknowledges, or not, as a test wants."""

import socket
import struct
import threading

MAGIC, VERSION = 0x484D5744, 1
HEADER = struct.Struct("=IHHQHHI")
UPLINK = struct.Struct("=IHBBBBH")
(HELLO, SYNC_BEGIN, SYNC_END, SETTINGS, HOME_NETWORK, HOME_NETWORK_REMOVE, POLICY_CHUNK, POLICY_REMOVE, BINDING_PUT,
 BINDING_REMOVE, ARP_ANNOUNCE, ACK, COUNTERS_REQUEST, COUNTERS_REPLY, REFUSED) = range(1, 16)


def address(number):
    return socket.inet_ntoa(struct.pack("!I", number))


class DataplanePeer:
    """Connects at once; what it holds may be read at any time, and is complete up to what it acknowledged."""

    def __init__(self, path, acknowledge=True, version=VERSION):
        self.acknowledge, self.version = acknowledge, version
        self.bindings, self.policies, self.home_networks = {}, {}, []
        self.settings = None
        self.synchronised = threading.Event()
        self.closed = threading.Event()
        self.announced, self.types = [], []
        self._named = None
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sock.connect(str(path))
        self._send(HELLO, 0, 1, struct.pack("=IIQ32s", 4711, 1, 0, b"test"))
        threading.Thread(target=self._read, daemon=True).start()

    def close(self):
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _send(self, kind, sequence, count, body=b""):
        self._sock.send(HEADER.pack(MAGIC, self.version, kind, sequence, count, 0, 0) + body)

    def _read(self):
        try:
            while packet := self._sock.recv(65536):
                self._take(packet)
        except OSError:
            pass
        self.closed.set()

    def _take(self, packet):
        magic, version, kind, sequence, count, _, _ = HEADER.unpack_from(packet)
        assert (magic, version) == (MAGIC, VERSION)
        body = packet[HEADER.size:]
        self.types.append(kind)
        if kind == SYNC_BEGIN:
            self._named = set()
        elif kind == SYNC_END:
            self.bindings = {home: held for home, held in self.bindings.items() if home in self._named}
            self._named = None
        elif kind == SETTINGS:
            self.settings = body
        elif kind == HOME_NETWORK:
            self.home_networks = [struct.unpack_from("=IB3x16s", body, i * 24) for i in range(count)]
        elif kind == POLICY_CHUNK:
            number, total, offset, size = struct.unpack_from("=IIII", body)
            held = self.policies.setdefault(number, bytearray())
            if offset == 0:
                held.clear()
            held += body[16:16 + size]
            assert len(held) == offset + size <= total
        elif kind == POLICY_REMOVE:
            for i in range(count):
                self.policies.pop(struct.unpack_from("=I", body, i * 4)[0], None)
        elif kind == BINDING_PUT:
            for i in range(count):
                self._put(body[i * 108:(i + 1) * 108])
        elif kind == BINDING_REMOVE:
            for i in range(count):
                self.bindings.pop(address(struct.unpack_from("=I", body, i * 4)[0]), None)
        elif kind == ARP_ANNOUNCE:
            for i in range(count):
                home, mac = struct.unpack_from("=I6s", body, i * 12)
                self.announced.append((address(home), mac.hex(":")))
        elif kind == COUNTERS_REQUEST:
            self._send(COUNTERS_REPLY, 0, 1, struct.pack("=56sQ", b"drop.encap.test", 7))
            return
        if self.acknowledge:
            self._send(ACK, sequence, 0)
        if kind == SYNC_END:
            self.synchronised.set()

    def _put(self, record):
        home, policy, flags, uplinks = struct.unpack_from("=IIBB", record)
        held = [UPLINK.unpack_from(record, 12 + i * 12) for i in range(uplinks)]
        self.bindings[address(home)] = {
            "policy": policy, "flags": flags,
            "uplinks": [{"care_of": address(care_of), "port": port, "label": label, "binding_id": binding_id}
                        for care_of, port, label, binding_id, _, _, _ in held]}
        if self._named is not None:
            self._named.add(address(home))
