"""A mobile node's side of registration, written from RFC 5944, 3519 and 7629 alone: it shares no code with ours."""

import ctypes
import hashlib
import hmac
import os
import socket
import struct
import time

PORT = 434
NTP_EPOCH = 2208988800
D, T = 0x20, 0x02
_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def socket_in(namespace, address, port=0):
    """A UDP socket that lives in a namespace; this process stays where it is."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace.full_name}", os.O_RDONLY)
    try:
        if _libc.setns(there, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    finally:
        _libc.setns(here, _CLONE_NEWNET)
        os.close(here)
        os.close(there)
    made.bind((address, port))
    made.settimeout(5)
    return made


def identification(at=None):
    at = time.time() if at is None else at
    return (int(at) + NTP_EPOCH) << 32 | int((at % 1) * 2**32)


def short(kind, data):
    return struct.pack("!BB", kind, len(data)) + data


def nai(text):
    return short(131, text.encode())


def udp_tunnel(forced=False, encapsulation=4):
    return short(144, struct.pack("!BBBBH", 0, 0, 0x80 if forced else 0, encapsulation, 0))


def multipath(binding_id, label=None, technology=4, bulk=False, overwrite=False):
    flags = (0x80 if bulk else 0) | (0x40 if overwrite else 0)
    return struct.pack("!BBHBBBB", 154, 1, 4, technology, label or binding_id, binding_id, flags)


def sign(message, key, spi, algorithm):
    size = hashlib.new(algorithm).digest_size
    message += struct.pack("!BBI", 32, 4 + size, spi)
    return message + hmac.new(key, message, algorithm).digest()


class Reply:
    """A registration reply, decoded; `extensions` are (type, data), the authenticator's the last."""

    def __init__(self, data):
        self.raw = data
        kind, self.code, self.lifetime, home, agent, self.identification = struct.unpack("!BBH4s4sQ", data[:20])
        assert kind == 3, data.hex()
        self.home_address, self.home_agent = socket.inet_ntoa(home), socket.inet_ntoa(agent)
        self.extensions = []
        rest = data[20:]
        while rest:
            self.extensions.append((rest[0], rest[2:2 + rest[1]]))
            rest = rest[2 + rest[1]:]

    def extension(self, kind):
        return next((data for found, data in self.extensions if found == kind), None)


class Registrant:
    """One node's registrations over one socket."""

    def __init__(self, sock, agent, key, home="0.0.0.0", nai=None, spi=256, algorithm="md5"):
        self.sock, self.agent, self.key = sock, agent, key
        self.home, self.nai, self.spi, self.algorithm = home, nai, spi, algorithm

    def request(self, lifetime=60, care_of=None, extensions=None, flags=D | T, at=None):
        care_of = care_of or self.sock.getsockname()[0]
        message = struct.pack("!BBH4s4s4sQ", 1, flags, lifetime, socket.inet_aton(self.home),
                              socket.inet_aton(self.agent), socket.inet_aton(care_of), identification(at))
        message += nai(self.nai) if self.nai else b""
        message += udp_tunnel(forced=True) if extensions is None else b"".join(extensions)
        return sign(message, self.key, self.spi, self.algorithm)

    def send(self, message):
        self.sock.sendto(message, (self.agent, PORT))

    def receive(self):
        return Reply(self.sock.recv(4096))

    def register(self, **options):
        self.send(self.request(**options))
        return self.receive()

    def silent(self, message, seconds=0.4):
        """Whether nothing comes back."""
        self.send(message)
        self.sock.settimeout(seconds)
        try:
            self.sock.recv(4096)
            return False
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(5)
