"""The real daemons where the node's `wlan0` is a WiFi station, roaming between two access points of one network.

    mn ──wlan0 )))  ( ap1, channel 1 ──┬── wlan (bridge) in ap ── core ── ha ── lan ── servers
     │          ))) ( ap2, channel 6 ──┘                           │
     └──rmnet0── cell (NAT) ───────────────────────────────────────┘
"""

from harness.homeward import HomewardSystem
from harness.process import run

from air import AccessPoint, Station


class WifiSystem(HomewardSystem):
    """`points` and `station` beside what a HomewardSystem has."""

    def run_here(self, *command):
        """Outside the namespaces, where the radios are at first."""
        return run(command)

    def attach(self, node, device, router, router_device, subnet, host):
        if device != "wlan0":
            super().attach(node, device, router, router_device, subnet, host)
            return
        router.ip("link", "add", router_device, "type", "bridge", "forward_delay", "0")
        router.link_up(router_device)
        router.address(router_device, f"{subnet}.1/24")
        self.points = [AccessPoint(1, router, "ap1", router_device, 1), AccessPoint(2, router, "ap2", router_device, 6)]
        self.station = Station(0, node, device, self.sockets, self.points)
        self.station.wait_for(self.points[0])
        node.address(device, f"{subnet}.{host}/24")
        node.route("default", "via", f"{subnet}.1", "dev", device, "metric", "100")
        self.core.route(f"{subnet}.0/24", "via", "198.51.100.2")
