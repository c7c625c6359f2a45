"""Many connections that carry as much as they can one way, by TCP or MPTCP, which Debian 12's iperf3 does not speak.

    bulk_flows.py serve TRANSPORT ADDRESS PORT FLOWS up|down WARM_UP SECONDS           prints "ready"
    bulk_flows.py connect TRANSPORT FROM ADDRESS PORT FLOWS up|down WARM_UP SECONDS

Up is from who connects. Who receives prints the Mbit/s of all together during SECONDS after WARM_UP and ends. Who sends
does so when it hears of it, which by MPTCP may take long: stop it.
"""

import contextlib
import selectors
import socket
import sys
import threading
import time

PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "mptcp": socket.IPPROTO_MPTCP}
PIECE = 1 << 18


def receive(connections, warm_up, seconds):
    total, begin = 0, time.monotonic() + warm_up
    before = None
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ)
        while (now := time.monotonic()) < begin + seconds:
            if before is None and now >= begin:
                before, begin = total, now
            for key, _ in selector.select(0.1):
                with contextlib.suppress(BlockingIOError):
                    total += len(key.fileobj.recv(PIECE))
    print((total - before) * 8 / 1e6 / (now - begin), flush=True)


def send(connections):
    def fill(connection):
        with contextlib.suppress(OSError):  # the receiver has seen enough
            while True:
                connection.sendall(bytes(PIECE))

    threads = [threading.Thread(target=fill, args=[connection]) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def carry(connections, receives, warm_up, seconds):
    if receives:
        receive(connections, float(warm_up), float(seconds))
    else:
        send(connections)


def serve(transport, address, port, flows, way, *times):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, PROTOCOLS[transport]) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, int(port)))
        listener.listen()
        print("ready", flush=True)
        carry([listener.accept()[0] for _ in range(int(flows))], way == "up", *times)


def connect(transport, source, address, port, flows, way, *times):
    connections = [socket.socket(socket.AF_INET, socket.SOCK_STREAM, PROTOCOLS[transport]) for _ in range(int(flows))]
    for connection in connections:
        connection.bind((source, 0))
        connection.connect((address, int(port)))
    carry(connections, way == "down", *times)


if __name__ == "__main__":
    {"serve": serve, "connect": connect}[sys.argv[1]](*sys.argv[2:])
