"""One of many small UDP flows, told by its source port, to a server of echo_flow.py: so many answered echoes, or an
error after 10 s.

    echo_crowd.py ADDRESS PORT SOURCE DATAGRAMS
"""

import socket
import sys
import time


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
    run(sys.argv[1], *map(int, sys.argv[2:5]))
