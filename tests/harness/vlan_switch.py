#!/usr/bin/python3
"""A switch with one trunk port, for kernels that know no VLANs.

    vlan_switch.py TRUNK PORT=VLAN...

All are Ethernet interfaces of this network namespace. What enters a port leaves by the trunk, tagged with the port's
VLAN (0: untagged), and the other way round; what comes by the trunk for a VLAN without a port is gone. Ports of one
VLAN do not hear each other. Runs until it is told to end. Says `ready` when it listens.
"""

import select
import socket
import struct
import sys

ETH_P_ALL, ETH_P_8021Q = 3, 0x8100
SOL_PACKET, PACKET_AUXDATA = 263, 8  # the socket module does not name them
AUXDATA = struct.Struct("=IIIHHHH")  # tpacket_auxdata
TP_STATUS_VLAN_VALID = 1 << 4
LONGEST_FRAME = 65536


def listen(device):
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    end.bind((device, ETH_P_ALL))
    return end


def receive(end):
    """(VLAN, frame without its tag), or nothing for what this socket sent itself. The kernel hands tags out beside
    the frame."""
    frame, ancillary, _, (_, _, kind, _, _) = end.recvmsg(LONGEST_FRAME, socket.CMSG_SPACE(AUXDATA.size))
    if kind == socket.PACKET_OUTGOING:
        return None
    vlan = 0
    for level, what, data in ancillary:
        if level == SOL_PACKET and what == PACKET_AUXDATA:
            status, _, _, _, _, tci, _ = AUXDATA.unpack(data)
            vlan = tci & 0xFFF if status & TP_STATUS_VLAN_VALID else 0
    return vlan, frame


def tagged(vlan, frame):
    return frame[:12] + struct.pack("!HH", ETH_P_8021Q, vlan) + frame[12:] if vlan else frame


def switch(trunk, ports):
    """`ports`: VLAN → socket."""
    vlan_of = {port.fileno(): vlan for vlan, port in ports.items()}
    by_fd = {end.fileno(): end for end in (trunk, *ports.values())}
    poller = select.poll()
    for fd in by_fd:
        poller.register(fd, select.POLLIN)
    while True:
        for fd, _ in poller.poll():
            received = receive(by_fd[fd])
            if received is None:
                continue
            vlan, frame = received
            if fd in vlan_of:
                trunk.send(tagged(vlan_of[fd], frame))
            elif vlan in ports:
                ports[vlan].send(frame)


def main():
    trunk = listen(sys.argv[1])
    ports = {int(vlan): listen(name) for name, vlan in (word.split("=") for word in sys.argv[2:])}
    print("ready", flush=True)
    switch(trunk, ports)


if __name__ == "__main__":
    main()
