"""Tries to get packets past the tunnel, each way to a destination of its own.

    escape.py CARE_OF DEVICE GATEWAY        prints one JSON map: way → "sent" or the error's name
"""

import errno
import json
import socket
import sys

care_of, device, gateway = sys.argv[1:]
UDP = (socket.AF_INET, socket.SOCK_DGRAM)


def sender(family=socket.AF_INET, kind=socket.SOCK_DGRAM, protocol=0, bound_to=None, source=None, port=0):
    one = socket.socket(family, kind, protocol)
    if bound_to:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, bound_to.encode())
    if source or port:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((source or "", port))
    return one


def multicast():
    one = sender()
    one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(care_of))
    one.sendto(b"escape", ("224.0.0.251", 5353))


def echo_request():
    one = sender(kind=socket.SOCK_RAW, protocol=socket.IPPROTO_ICMP, source=care_of)
    one.sendto(b"\x08\x00\xf7\xfd\0\x01\0\x01", ("198.18.0.5", 0))


def connect():
    one = sender(kind=socket.SOCK_STREAM, source=care_of)
    one.settimeout(0.3)
    one.connect(("198.18.0.4", 80))


WAYS = {
    "plain": lambda: sender().sendto(b"escape", ("198.18.0.1", 9)),
    "device": lambda: sender(bound_to=device).sendto(b"escape", ("198.18.0.2", 9)),
    "care-of": lambda: sender(source=care_of).sendto(b"escape", ("198.18.0.3", 9)),
    "tcp": connect,
    "icmp": echo_request,
    "gateway": lambda: sender(bound_to=device).sendto(b"escape", (gateway, 53)),
    "multicast": multicast,
    "home-agent": lambda: sender(source=care_of).sendto(b"escape", ("192.147.23.11", 22)),
    "excluded": lambda: sender(source=care_of).sendto(b"escape", ("203.0.113.77", 9)),
    "ipv6": lambda: sender(socket.AF_INET6, bound_to=device).sendto(b"escape", ("2001:db8:2::1", 9)),
    "mdns6": lambda: sender(socket.AF_INET6, bound_to=device).sendto(b"escape", ("ff02::fb", 5353)),
    "dhcp": lambda: sender(bound_to=device, source=care_of, port=68).sendto(b"escape", (gateway, 67)),
}

result = {}
for name, way in WAYS.items():
    try:
        way()
        result[name] = "sent"
    except TimeoutError:
        result[name] = "no answer"
    except OSError as error:
        result[name] = errno.errorcode[error.errno]
print(json.dumps(result))
