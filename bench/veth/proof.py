"""Whether a contestant did what it is measured for, told from captures of both cables."""

import struct

LARGEST_FRAME = 1514
ETHERNET, IPV4, UDP, IPIP = 14, 20, 17, 4
PLAIN = 0  # as a tunnel's port: IP in IP without UDP


def udp_ports(frame):
    """(source, destination) of a UDP packet in an IPv4 frame without options; None for anything else."""
    if len(frame) < ETHERNET + IPV4 + 4 or frame[ETHERNET] != 0x45 or frame[ETHERNET + 9] != UDP:
        return None
    return struct.unpack_from("!HH", frame, ETHERNET + IPV4)


def in_tunnel(frame, port):
    if port == PLAIN:
        return len(frame) > ETHERNET + 9 and frame[ETHERNET + 9] == IPIP
    return port in (udp_ports(frame) or ())


def complaints(access, home, tunnel_port, real_frames):
    """`access`, `home`: (frame, length on the wire) of everything that crossed either cable during a transfer;
    `tunnel_port`: None without a tunnel, PLAIN for one without UDP. What is wrong, each in a few words."""
    found = []
    if not access or not home:
        found.append(f"{len(access)} packets on the access cable, {len(home)} on the home cable")
    if tunnel_port is not None:
        outside = sum(not in_tunnel(frame, tunnel_port) for frame, _ in access)
        if outside:
            found.append(f"{outside} of {len(access)} packets on the access cable are outside the tunnel")
    largest = max((length for _, length in [*access, *home]), default=0)
    if real_frames and largest > LARGEST_FRAME:
        found.append(f"a frame of {largest} bytes where no Ethernet frame has more than {LARGEST_FRAME}")
    return found
