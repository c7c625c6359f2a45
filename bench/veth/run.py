#!/usr/bin/python3
"""Side by side over veth: the home agent and other tunnels, each between namespaces of its own, run by run in turn.

    run.py [--build DIRECTORY] [--rounds N] [--only NAME,...]

Writes veth.json and veth_*.png into BUILD/bench. Needs root, 2 GB, and a machine that has nothing else to do: what
others took of its CPUs is among the results (`veth.cpu_taken_by_others`).
"""

import pathlib
import sys

BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCH), str(BENCH.parent / "tests")]

import comparison
from dataplanes import Homeward, HomewardNode, Testpmd
from peers import Cable, Fastd, Openvpn, Router, Vxlan, WireguardGo
from ratios import RATIOS


def contestants():
    """Those that are compared stand side by side. Those named _offload have the kernel's defaults on every device."""
    return [
        Cable("cable"), Router("router"), WireguardGo("wireguard_go"), Homeward("homeward"), Testpmd("testpmd_io"),
        Testpmd("testpmd_io_plain", tunnel=False), Homeward("homeward_poll", idle="poll"),
        Homeward("homeward_checksum", checksum=True), HomewardNode("homeward_mn"),
        HomewardNode("homeward_mn_slow", "off"), Vxlan("vxlan"),
        Fastd("fastd_null", "null"), Fastd("fastd", "salsa2012+umac"), Openvpn("openvpn_none", "none"),
        Openvpn("openvpn", "AES-256-GCM"),
        Cable("cable_offload", False), Router("router_offload", False), Vxlan("vxlan_offload", False),
        WireguardGo("wireguard_go_offload", False),
    ]


if __name__ == "__main__":
    comparison.main("veth", contestants(), RATIOS)
