"""The road that every contestant is measured on, one of its own for each.

    node ──eth0───────────────eth0── far
    CARE_OF                      AGENT
    HOME (homeward0, or lo)       HOST (lo)

Traffic runs between HOME and HOST through a tunnel that has an end in each namespace, or through none.
"""

import sys

from harness.process import run

sys.path.insert(0, str(__file__).rsplit("/", 2)[0] + "/veth")

from path import AGENT, CARE_OF, HOME, HOST  # noqa: E402

FRAME_OFFLOADS = ("tx", "tso", "gso", "tx-udp-segmentation")


class Wire:
    """`real_frames`: what crosses the cable is what would cross an Ethernet: no segmentation or checksum is left to the
    other end. GRO is on in either case."""

    def __init__(self, net, name, real_frames):
        self.net, self.name, self.real_frames = net, name, real_frames
        self.node, self.host = (net.namespace(f"{name}-{end}") for end in ("node", "far"))
        net.veth(self.node, "eth0", self.host, "eth0")
        for namespace in (self.node, self.host):
            off = [word for feature in FRAME_OFFLOADS if real_frames for word in (feature, "off")]
            namespace.run("ethtool", "-K", "eth0", *off, "gro", "on")
        self.node.address("eth0", f"{CARE_OF}/24")
        self.host.address("eth0", f"{AGENT}/24")
        self.host.address("lo", f"{HOST}/32")

    def lead(self, mtu, node_hop, far_hop=("via", CARE_OF)):
        """Leads HOME's and HOST's packets to each other, none larger than `mtu`."""
        limit = ("mtu", "lock", str(mtu))
        if node_hop:
            self.node.address("lo", f"{HOME}/32")
            self.node.route(f"{HOST}/32", *node_hop, "src", HOME, *limit)
        self.host.route(f"{HOME}/32", *far_hop, "src", HOST, *limit)

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
