#!/usr/bin/python3
"""The files of a directory by HTTP, one thread a connection.

    file_server.py ADDRESS PORT DIRECTORY          says `ready` when it listens

`python3 -m http.server` asks the DNS for its own name before it listens, which in a namespace without one takes as long
as the resolver is patient.
"""

import functools
import http.server
import socketserver
import sys


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main():
    address, port, directory = sys.argv[1:]
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=directory)
    with Server((address, int(port)), handler) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
