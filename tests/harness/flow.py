#!/usr/bin/python3
"""A stream of numbered datagrams between two namespaces, so that each lost one can be named.

As a program it is one end: `flow.py send ADDRESS PORT RATE SIZE` or `flow.py receive ADDRESS PORT`; on SIGTERM it
prints what it did as JSON.
"""

import json
import signal
import socket
import struct
import sys
import time

NUMBER = struct.Struct("!Q")


class UdpFlow:
    """`rate` datagrams of `size` bytes per second from one namespace to an address in another."""

    count = 0

    def __init__(self, sender, receiver, address, port=6000, rate=200, size=200, bind="0.0.0.0"):
        UdpFlow.count += 1
        name = f"flow{UdpFlow.count}"
        program = ["/usr/bin/python3", __file__]
        self.receiver = receiver.start(f"{name}-receive", [*program, "receive", bind, port])
        self.receiver.wait_for_output("ready")
        self.sender = sender.start(f"{name}-send", [*program, "send", address, port, rate, size])
        self.sender.wait_for_output("ready")

    def arrived(self):
        """How many have arrived so far, in steps of 10."""
        lines = [line for line in self.receiver.text().splitlines() if line.isdigit()]
        return int(lines[-1]) if lines else 0

    def stop(self):
        """{sent, received, missing: numbers, duplicates, reordered, gap_ms}"""
        self.sender.stop()
        sent = json.loads(self.sender.text().splitlines()[-1])["sent"]
        time.sleep(0.5)  # for what is still in a queue
        self.receiver.stop()
        result = json.loads(self.receiver.text().splitlines()[-1])
        numbers = self.numbers = result.pop("numbers")  # as they arrived
        seen = set(numbers)
        result["sent"], result["received"] = sent, len(seen)
        result["missing"] = [number for number in range(sent) if number not in seen]
        result["duplicates"] = len(numbers) - len(seen)
        result["reordered"] = sum(1 for a, b in zip(numbers, numbers[1:]) if b < a)
        return result


class _Stopped(Exception):
    pass


def _stop(_number, _frame):
    raise _Stopped


def _send(address, port, rate, size):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    number, due, refused = 0, time.monotonic(), 0
    print("ready", flush=True)
    try:
        while True:
            due += 1 / rate
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                sock.sendto(NUMBER.pack(number) + bytes(size - NUMBER.size), (address, port))
            except OSError:
                refused += 1
            number += 1
    except _Stopped:
        print(json.dumps({"sent": number, "refused": refused}), flush=True)


def _receive(address, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    sock.bind((address, port))
    numbers, gap, last = [], 0.0, None
    print("ready", flush=True)
    try:
        while True:
            data = sock.recv(65536)
            now = time.monotonic()
            gap, last = max(gap, now - last if last else 0.0), now
            numbers.append(NUMBER.unpack_from(data)[0])
            if len(numbers) % 10 == 0:
                print(len(numbers), flush=True)
    except _Stopped:
        print(json.dumps({"numbers": numbers, "gap_ms": 1000 * gap}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    if sys.argv[1] == "send":
        _send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
    else:
        _receive(sys.argv[2], int(sys.argv[3]))
