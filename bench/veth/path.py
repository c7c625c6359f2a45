"""The road that every contestant is measured on, one of its own for each.

    node ──eth0────────v0── ha ──v1────────eth0── host
    CARE_OF         AGENT        GATEWAY          HOST
    HOME (lo)

Traffic runs between HOME and HOST. The tunnel lies between `node` and `ha`, on the access cable. `ha` is where the
contestant forwards between tunnel and home link; its v0 and v1 are DPDK ports or the kernel's.
"""

from harness.homeward import FTP_SERVER, HOME_ADDRESS, HOME_AGENT, HOME_GATEWAY

AGENT, GATEWAY, HOME, HOST = HOME_AGENT, HOME_GATEWAY, HOME_ADDRESS, FTP_SERVER
CARE_OF, NODE_PORT = "192.147.23.2", 4434
LARGEST_FRAME = 1514


class Path:
    """Cables and the ends' addresses. `real_frames`: no offload on any device, so that what crosses a cable is what
    would cross an Ethernet."""

    def __init__(self, net, name, real_frames=True):
        self.net, self.name, self.real_frames = net, name, real_frames
        self.arrivals = {}  # namespace → device by which small packets come, where it is not the one that leads back
        self.node, self.ha, self.host = (net.namespace(f"{name}-{end}") for end in ("node", "ha", "host"))
        net.veth(self.ha, "v0", self.node, "eth0")
        net.veth(self.ha, "v1", self.host, "eth0")
        for namespace, device in ((self.node, "eth0"), (self.ha, "v0"), (self.ha, "v1"), (self.host, "eth0")):
            self.plain(namespace, device)
        self.node.address("eth0", f"{CARE_OF}/24")
        self.node.address("lo", f"{HOME}/32")
        self.host.address("eth0", f"{HOST}/24")

    def plain(self, namespace, device):
        """Takes a device's offloads away if this path wants real frames."""
        if self.real_frames:
            namespace.offloads_off(device)

    def lead(self, mtu, node_hop, host_hop=("via", GATEWAY)):
        """Leads HOME's and HOST's packets to each other, none larger than `mtu`."""
        limit = ("mtu", "lock", str(mtu))
        self.node.route(f"{HOST}/32", *node_hop, "src", HOME, *limit)
        self.host.route(f"{HOME}/32", *host_hop, "src", HOST, *limit)

    def route_in_kernel(self):
        """Makes `ha` an ordinary router."""
        self.ha.address("v0", f"{AGENT}/24")
        self.ha.address("v1", f"{GATEWAY}/24")
        self.ha.forward()

    def directory(self):
        """For configurations, keys and sockets; its name is short, as sockets' must be."""
        directory = self.net.directory / self.name
        directory.mkdir(exist_ok=True)
        return directory
