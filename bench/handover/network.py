"""The network of every contestant: that of harness.homeward, its two access links emulated.

    mn ──wlan0──[link]── ap ────────┐
     │                              ├── core ── ha ── lan ── ftp (the correspondent)
     └──rmnet0──[link]── cell (NAT)─┘

    profile     wlan          cellular       round-trip times outside any tunnel
    equal       10 ms a way   10 ms a way
    unequal      5 ms a way   40 ms a way
"""

from harness.homeward import CORE, FTP_SERVER, HOME_AGENT, HOME_GATEWAY, HomewardSystem

HOST = FTP_SERVER
PROFILES = {"equal": {"wlan": 10, "cellular": 10}, "unequal": {"wlan": 5, "cellular": 40}}
RTT_MS = {name: 2 * max(delays.values()) for name, delays in PROFILES.items()}  # of the path that is moved to
RATE_MBPS, QUEUE_MS = 100, 150


class Network(HomewardSystem):
    """Not started: `start` starts Homeward's daemons, `route_in_kernel` makes the home agent's place a plain router."""

    def __init__(self, name):
        super().__init__(f"ho-{name}")
        # In the world every box has a machine of its own; here they share two cores with the correspondent.
        self.nice = -10
        self.access = {}  # uplink → its link

    def access_cable(self, node, device, router, router_device):
        uplink = "wlan" if device == "wlan0" else "cellular"
        self.access[uplink] = self.emulated_link(node, device, router, router_device, self.mtu,
                                                 both={"rate_mbps": RATE_MBPS, "queue_ms": QUEUE_MS})

    def profile(self, name):
        for uplink, delay_ms in PROFILES[name].items():
            self.access[uplink].set(both={"delay_ms": delay_ms, "rate_mbps": RATE_MBPS, "queue_ms": QUEUE_MS})

    def route_in_kernel(self):
        self.ha_ns.address("eth0", f"{HOME_AGENT}/24")
        self.ha_ns.address("eth1", f"{HOME_GATEWAY}/24")
        self.ha_ns.route("default", "via", CORE)
        self.ha_ns.forward()
        self.core.route("158.132.10.0/24", "via", HOME_AGENT)
