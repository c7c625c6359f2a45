"""The road that every contestant is measured on, one of its own for each.

    node ──eth0───────────────eth0── far
    CARE_OF                      AGENT
    HOME (homeward0, or lo)       HOST (lo)

Traffic runs between HOME and HOST through a tunnel that has an end in each namespace, or through none.
"""

import json

from harness.build import build_directory
from harness.process import run

from path import AGENT, CARE_OF, HOME, HOST

# Indices of the far end's devices, which tunnel_end.bpf.c has compiled in (bench/veth/meson.build).
CABLE, JOINER = 10, 11
FRAME_OFFLOADS = ("tx", "tso", "gso", "tx-udp-segmentation")


class Wire:
    """`real_frames`: what crosses the cable is what would cross an Ethernet: no segmentation or checksum is left to the
    other end. GRO is on in either case."""

    def __init__(self, net, name, real_frames):
        self.net, self.name, self.real_frames = net, name, real_frames
        self.arrivals = {}
        self.node, self.host = (net.namespace(f"{name}-{end}") for end in ("node", "far"))
        net.veth(self.host, "eth0", self.node, "eth0", index=CABLE)
        for namespace in (self.node, self.host):
            off = [word for feature in FRAME_OFFLOADS if real_frames for word in (feature, "off")]
            namespace.run("ethtool", "-K", "eth0", *off, "gro", "on")
        self.node.address("eth0", f"{CARE_OF}/24")
        self.host.address("eth0", f"{AGENT}/24")
        self.host.address("lo", f"{HOST}/32")

    def lead(self, mtu, node_hop, far_hop=("via", CARE_OF)):
        """Leads HOME's and HOST's packets to each other, none larger than `mtu`; None: somebody else does."""
        limit = ("mtu", "lock", str(mtu))
        if node_hop:
            self.node.ip("address", "replace", f"{HOME}/32", "dev", "lo")
            self.node.ip("route", "replace", f"{HOST}/32", *node_hop, "src", HOME, *limit)
        if far_hop:
            self.host.ip("route", "replace", f"{HOME}/32", *far_hop, "src", HOST, *limit)

    def end_tunnel(self, mtu, plain=False):
        """Makes `tunnel` at the far end: a device whose packets tunnel_end.bpf.c carries, with segmentation on the way out and
        GRO on the way in, as VXLAN's has. `plain`: without UDP."""
        far = self.host
        cable = json.loads(far.ip("-json", "link", "show", "eth0").stdout)[0]["address"]
        far.ip("link", "add", "joiner", "index", str(JOINER), "type", "veth", "peer", "name", "tunnel", "address", cable)
        self.arrivals[far.name] = "eth0"
        far.run("ethtool", "-K", "tunnel", "gro", "on")
        far.run("ethtool", "-K", "joiner", "tso", "off")
        for device in ("tunnel", "joiner"):
            far.ip("link", "set", device, "arp", "off", "up")
        program = build_directory() / "bench" / "veth" / "tunnel_end.bpf.o"
        for device, hook, section in (("tunnel", "egress", "far_plain" if plain else "far_tunnel"),
                                      ("eth0", "ingress", "in_plain" if plain else "in_tunnel")):
            far.tc("qdisc", "add", "dev", device, "clsact")
            far.tc("filter", "add", "dev", device, hook, "bpf", "direct-action", "object-file", program,
                   "section", f"tc/{section}")
        far.route(f"{HOME}/32", "dev", "tunnel", "src", HOST, "mtu", "lock", str(mtu))

    def ends(self):
        """(namespace, own address, the other's)"""
        return (self.node, CARE_OF, AGENT), (self.host, AGENT, CARE_OF)

    def directory(self):
        directory = self.net.directory / self.name
        directory.mkdir(exist_ok=True)
        return directory


def generate_wireguard_key():
    secret = run(["wg", "genkey"]).stdout
    return secret, run(["wg", "pubkey"], stdin=secret).stdout.strip()
