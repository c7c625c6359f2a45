"""Many small UDP flows, each told by its source port.

    echo_crowd.py serve ADDRESS PORT             answers everything
    echo_crowd.py run ADDRESS PORT SOURCE DATAGRAMS
                                                 one flow: so many answered echoes, or an error after 10 s
"""

import socket
import sys
import time


def serve(address, port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, port))
    print("ready", flush=True)
    while True:
        data, peer = server.recvfrom(2048)
        server.sendto(data, peer)


def run(address, port, source, datagrams):
    flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    flow.bind(("0.0.0.0", source))
    flow.connect((address, port))
    flow.settimeout(0.5)
    end = time.monotonic() + 10
    while datagrams:
        if time.monotonic() > end:
            sys.exit("no answer for 10 s")
        try:
            flow.send(bytes(200))
            flow.recv(2048)
            datagrams -= 1
        except OSError:
            pass


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        run(sys.argv[2], *map(int, sys.argv[3:6]))
