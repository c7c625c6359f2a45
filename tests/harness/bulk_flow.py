"""Bulk data with a digest at both ends, so that one wrong byte shows.

    bulk_flow.py receive ADDRESS PORT              one TCP connection to its end; prints "ready", then the SHA-256
    bulk_flow.py send FROM ADDRESS PORT BYTES      prints the SHA-256 of what it sent
    bulk_flow.py collect ADDRESS PORT COUNT        datagrams; prints "ready", then their sizes and the SHA-256 as JSON
    bulk_flow.py burst FROM ADDRESS PORT BYTES SEGMENT   UDP, cut by the kernel (UDP_SEGMENT); prints the SHA-256
"""

import hashlib
import json
import random
import socket
import struct
import sys

UDP_SEGMENT = 103
PIECE = 1 << 16


def receive(address, port):
    server = socket.create_server((address, int(port)))
    print("ready", flush=True)
    connection, _ = server.accept()
    digest = hashlib.sha256()
    while data := connection.recv(PIECE):
        digest.update(data)
    print(digest.hexdigest())


def send(source, address, port, size):
    connection = socket.create_connection((address, int(port)), source_address=(source, 0))
    data = random.Random(1).randbytes(int(size))
    connection.sendall(data)
    connection.close()
    print(hashlib.sha256(data).hexdigest())


def collect(address, port, count):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, int(port)))
    server.settimeout(20)
    print("ready", flush=True)
    datagrams = [server.recv(PIECE) for _ in range(int(count))]
    print(json.dumps({"sizes": [len(one) for one in datagrams], "digest": hashlib.sha256(b"".join(datagrams)).hexdigest()}))


def burst(source, address, port, size, segment):
    flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    flow.bind((source, 0))
    data = random.Random(2).randbytes(int(size))
    flow.sendmsg([data], [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", int(segment)))], 0, (address, int(port)))
    print(hashlib.sha256(data).hexdigest())


if __name__ == "__main__":
    {"receive": receive, "send": send, "collect": collect, "burst": burst}[sys.argv[1]](*sys.argv[2:])
