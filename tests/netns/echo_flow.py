"""A numbered UDP flow there and back: what was lost, and the longest silence.

    echo_flow.py serve ADDRESS PORT
    echo_flow.py run ADDRESS PORT SECONDS INTERVAL_MS     one JSON line at the end

A flow is SECONDS / INTERVAL packets. A machine that pauses makes it last longer, not shorter.
"""

import json
import select
import socket
import struct
import sys
import time


def serve(address, port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, port))
    print("ready", flush=True)
    while True:
        data, peer = server.recvfrom(2048)
        server.sendto(data, peer)


def run(address, port, seconds, interval):
    flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    flow.connect((address, port))
    print("ready", flush=True)
    start = next_send = last_sent = time.monotonic()
    sent, total, arrivals = 0, round(seconds / interval), {}
    while True:
        now = time.monotonic()
        sending = sent < total
        if not sending and now > last_sent + 1.5:
            break
        if sending and now >= next_send:
            try:
                flow.send(struct.pack("!I", sent) + bytes(196))
            except OSError as error:
                print(error, file=sys.stderr)
            sent += 1
            last_sent = now
            next_send += interval
        wait = max(0, next_send - time.monotonic()) if sending else 0.05
        if select.select([flow], [], [], wait)[0]:
            (number,) = struct.unpack("!I", flow.recv(2048)[:4])
            arrivals.setdefault(number, time.monotonic() - start)
    missing = [number for number in range(sent) if number not in arrivals]
    times = sorted(arrivals.values())
    gap = max((b - a for a, b in zip(times, times[1:])), default=0)
    print(json.dumps({"sent": sent, "received": len(arrivals), "missing": missing, "gap_ms": round(gap * 1000, 1)}))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        run(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]) / 1000)
