#!/usr/bin/python3
"""A long cable: what enters at one end leaves at the other a fixed time later, in order, losing nothing.

    delay_line.py FIRST SECOND MILLISECONDS

FIRST and SECOND are two Ethernet interfaces of this network namespace; the delay is that of one direction. Runs until
it is told to end. Says `ready` when it listens. Meant for some thousand frames per second.
"""

import collections
import select
import socket
import sys
import time

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33  # the socket module does not name it
LONGEST_FRAME = 65536
RECEIVE_BUFFER = 8 << 20


def listen(device):
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    end.bind((device, ETH_P_ALL))
    end.setblocking(False)
    return end


def take(end, queue, due):
    """Moves what has arrived into the queue; frames that this end sent itself come back as outgoing and are none."""
    while True:
        try:
            frame, (_, _, kind, _, _) = end.recvfrom(LONGEST_FRAME)
        except BlockingIOError:
            return
        if kind != socket.PACKET_OUTGOING:
            queue.append((due, frame))


def carry(first, second, delay_s):
    ways = {first: (second, collections.deque()), second: (first, collections.deque())}
    poller = select.poll()
    by_fd = {end.fileno(): end for end in ways}
    for fd in by_fd:
        poller.register(fd, select.POLLIN)
    while True:
        heads = [queue[0][0] for _, queue in ways.values() if queue]
        wait_ms = max(0, (min(heads) - time.monotonic()) * 1000) if heads else None
        for fd, _ in poller.poll(wait_ms):
            take(by_fd[fd], ways[by_fd[fd]][1], time.monotonic() + delay_s)
        now = time.monotonic()
        for far, queue in ways.values():
            while queue and queue[0][0] <= now:
                far.send(queue.popleft()[1])


def main():
    first, second, milliseconds = sys.argv[1:]
    ends = listen(first), listen(second)
    print("ready", flush=True)
    carry(*ends, float(milliseconds) / 1000)


if __name__ == "__main__":
    main()
