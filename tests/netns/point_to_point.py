"""A link without link headers between two namespaces, as between a modem and its network: a TUN at each end, and this
program between them.

    point_to_point.py NAMESPACE DEVICE OWN_DEVICE      makes DEVICE in NAMESPACE, OWN_DEVICE in its own; carries until killed
"""

import ctypes
import fcntl
import os
import select
import struct
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET = 0x40000000


def tun(name):
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def enter(path):
    with open(path, encoding="ascii") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
            sys.exit(f"setns: {os.strerror(ctypes.get_errno())}")


def carry(source, destination):
    for _ in range(64):
        try:
            packet = os.read(source, 65536)
        except BlockingIOError:
            return
        try:
            os.write(destination, packet)
        except OSError:  # not up, or full: a radio loses packets
            continue


def main():
    namespace, device, own_device = sys.argv[1:]
    near = tun(own_device)
    enter(f"/run/netns/{namespace}")
    far = tun(device)
    print("ready", flush=True)
    while True:
        for readable in select.select([near, far], [], [])[0]:
            carry(readable, far if readable == near else near)


if __name__ == "__main__":
    main()
