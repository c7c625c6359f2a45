#!/usr/bin/python3
"""Makes the kernel of this network namespace forget every connection that it tracks, as a NAT does that restarts: one
ctnetlink message (IPCTNL_MSG_CT_DELETE without attributes)."""

import os
import socket
import struct

NETLINK_NETFILTER = 12
CT_DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
REQUEST_ACK = 0x1 | 0x4

with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
    netlink.bind((0, 0))
    body = struct.pack("=BBH", socket.AF_INET, 0, 0)
    netlink.send(struct.pack("=IHHII", 16 + len(body), CT_DELETE, REQUEST_ACK, 1, 0) + body)
    answer = netlink.recv(4096)
error = struct.unpack_from("=i", answer, 16)[0]
if error:
    raise SystemExit(f"the kernel did not forget its connections: {os.strerror(-error)}")
