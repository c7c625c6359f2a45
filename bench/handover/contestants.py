"""Who is compared. Each starts on a Network of its own and knows how it is told to move."""

import os
import time

from harness.build import binary
from harness.homeward import HOME_ADDRESS, HOME_AGENT, write_secret
from harness.process import Timeout, run, wait_until
from harness.yaml import dump

import goodput
from goodput import BY_PORT, FLOWS
from network import HOST, Network
from stream import Stream

GATEWAYS = {"wlan": ("wlan0", "10.1.1.1", "10.1.1.2"), "cellular": ("rmnet0", "10.64.0.1", "10.64.0.2")}
PREFERRED = ("via", GATEWAYS["wlan"][1], "dev", "wlan0", "metric", "100")
WIREGUARD_PORT = 51820
SPREAD_FLOWS = 16  # that no uplink gets any is then one chance in a thousand at 4 to 1
HOLD_DOWN = {"hold_down": "200 ms"}  # the bench cuts WLAN every second


class Contestant:
    """`patience`: seconds after which an interruption counts as endless. `moves`: whether it can be told to move;
    `pairs`: of links on which its goodput is measured; `spreads`: whether it places flows itself."""

    name, patience, moves, pairs, spreads = "", 15.0, True, (), False

    def __init__(self):
        self.net = None

    def unmet_needs(self, _build):
        """Why it cannot take part, empty if it can."""
        return ""

    def network(self):
        self.net = Network(self.name)
        return self.net

    def start(self):
        raise NotImplementedError

    def stream(self):
        raise NotImplementedError

    def carried(self, pair, way):
        """Goodput of many flows over a pair of goodput.PAIRS, a list of Mbit/s to be added up."""
        raise NotImplementedError

    def move(self, uplink):
        """A planned move to `uplink`: returns when it was ordered."""
        raise NotImplementedError

    def settle(self, uplink):
        """After a planned move: returns when the next may be made."""

    def cut_seen(self):
        """The kernel has just seen WLAN's carrier go: what a network manager would do now."""

    def back(self):
        """All links carry again: makes the node return to WLAN, if it needs help with that."""


class Homeward(Contestant):
    """`handover`, `policy`: what its configuration says beside the defaults; `numbered`: tunnel packets have numbers.
    Options that this build does not know make it stand aside."""

    pairs = tuple(goodput.PAIRS)

    def __init__(self, name="homeward", handover=None, policy=None, numbered=False, spreads=False):
        super().__init__()
        self.name, self.spreads = name, spreads
        self.flows = SPREAD_FLOWS if spreads else FLOWS
        self.numbered = {"sequence_numbers": numbered}
        self.handover, self.policy = handover or {}, policy or {}

    def _configure(self, node):
        node.config["tunnel"] = self.numbered
        self.net.ha.config["registration"] = self.numbered
        node.config["handover"] = HOLD_DOWN | self.handover
        node.write_policy({**BY_PORT, **self.policy})

    def unmet_needs(self, build):
        if not self.handover and not self.policy:
            return ""
        file = build / "bench" / f"handover-{self.name}.yaml"
        file.parent.mkdir(exist_ok=True)
        write_secret(file, dump({
            "node": {"nai": "a@b", "home_address": HOME_ADDRESS, "home_agent": HOME_AGENT,
                     "association": {"spi": 256, "key": "00" * 16}},
            "uplinks": [{"name": "wlan", "interface": "wlan0", "label": 1}, {"name": "cellular", "interface": "rmnet0", "label": 2}],
            "policy": {**BY_PORT, **self.policy}, "tunnel": self.numbered, "handover": HOLD_DOWN | self.handover}))
        done = run([binary("homeward"), "check", file], check=False)
        return "" if done.returncode == 0 else (done.stderr or done.stdout).strip()

    def start(self):
        self._configure(self.net.mn)
        self.net.start()
        self.net.mn.wait_synchronised()

    def stream(self):
        return Stream(self.net.mn_ns, self.net.ftp, HOST, HOME_ADDRESS)

    def carried(self, pair, way):
        return goodput.carried(self.net, pair, way, self.flows)

    def move(self, uplink):
        self.net.mn.uplink("wlan", "drain" if uplink == "cellular" else "up")

    def settle(self, uplink):
        if uplink == "wlan":
            self.net.mn.wait_bound()
        else:
            wait_until(lambda: self.net.mn.admin.uplinks()["wlan"]["state"] == "down", "the drained binding to be given up")

    def back(self):
        """After a blackhole it would wait out its back-off; the bench has no time for that."""
        try:
            self.net.mn.wait_bound(timeout=1)
        except Timeout:
            self.net.mn.uplink("wlan", "up")
            self.net.mn.wait_bound()


class Routed(Contestant):
    """No tunnel, no mobility: two default routes, that by WLAN preferred as long as its link is up; an application that
    binds to no address, and a correspondent that answers to wherever the last datagram came from, as QUIC does. It
    knows nothing of a blackhole. A TCP connection does not survive this."""

    name = "plain_route"

    def start(self):
        self.net.route_in_kernel()
        for device, _, _ in GATEWAYS.values():
            self.net.mn_ns.ip("route", "delete", "default", "dev", device)
        self.net.mn_ns.route("default", *PREFERRED)
        device, gateway, _ = GATEWAYS["cellular"]
        self.net.mn_ns.route("default", "via", gateway, "dev", device, "metric", "200")
        # Without this the kernel goes on using a route whose link has no carrier.
        self.net.mn_ns.sysctl(net__ipv4__conf__all__ignore_routes_with_linkdown=1,
                              net__ipv4__conf__wlan0__ignore_routes_with_linkdown=1)

    def stream(self):
        return Stream(self.net.mn_ns, self.net.ftp, HOST)

    def move(self, uplink):
        self.net.mn_ns.ip("route", "delete" if uplink == "cellular" else "replace", "default", *PREFERRED)


class WireguardGo(Routed):
    """Roams as WireGuard does: the node sends by its default route, the far end follows packets that authenticate. Both
    ends answer where the last packet came from, so that it stays where it is for as long as the old path delivers:
    there is no planned move to measure."""

    name, patience, moves, pairs = "wireguard_go", 20.0, False, ("80+20",)

    def start(self):
        super().start()
        ends = {"mn": (self.net.mn_ns, "10.9.0.1"), "ha": (self.net.ha_ns, "10.9.0.2")}
        keys = {end: run(["wg", "genkey"]).stdout for end in ends}
        public = {end: run(["wg", "pubkey"], stdin=keys[end]).stdout.strip() for end in ends}
        for end, (namespace, address) in ends.items():
            (far,) = set(ends) - {end}
            device = f"wgho{end}{os.getpid()}"  # control sockets are named after it, in one directory for all namespaces
            key = self.net.directory / f"{end}.key"
            write_secret(key, keys[end])
            process = namespace.start("wireguard-go", ["nice", "-n", self.net.nice, "wireguard-go", "--foreground", device])
            process.wait_ready(lambda n=namespace, d=device: d in n.devices(), f"making {device}")
            if end == "mn":
                self.device, self.far = device, public[far]
            endpoint = ["endpoint", f"{HOME_AGENT}:{WIREGUARD_PORT}"] if end == "mn" else []
            run(["wg", "set", device, "listen-port", WIREGUARD_PORT, "private-key", key, "peer", public[far],
                 "allowed-ips", "0.0.0.0/0", *endpoint])
            namespace.address(device, f"{address}/30")
            namespace.ip("link", "set", "dev", device, "mtu", "1420", "up")
        self.net.mn_ns.route(f"{HOST}/32", "via", "10.9.0.2")

    def stream(self):
        return Stream(self.net.mn_ns, self.net.ftp, HOST, "10.9.0.1")

    def carried(self, pair, way):
        return goodput.carried_by_one(self.net, pair, way, "tcp", "10.9.0.1")

    def cut_seen(self):
        """That the kernel ignores a route is nothing that it would notice: it looks at routes that go."""
        self.move("cellular")

    def back(self):
        """Back to WLAN it goes only when nothing comes over cellular for a moment."""
        wait_until(lambda: "LOWER_UP" in self.net.mn_ns.ip("link", "show", "wlan0").stdout, "WLAN's carrier")
        self.net.access["cellular"].set(both={"blackhole": True})
        self.move("wlan")
        time.sleep(0.1)
        run(["wg", "set", self.device, "peer", self.far, "endpoint", f"{HOME_AGENT}:{WIREGUARD_PORT}"])
        time.sleep(0.2)
        self.net.access["cellular"].set(both={"blackhole": False})


class Mptcp(Contestant):
    """The kernel's MPTCP between node and correspondent: a subflow over each uplink. Its stream is a connection: nothing
    is lost in it, what is lost below is late. `both`: that over cellular is no backup, and goodput is what is measured."""

    patience = 30.0

    def __init__(self, name="mptcp", both=False):
        super().__init__()
        self.name, self.spreads = name, both
        self.pairs = tuple(goodput.PAIRS) if both else ()

    def start(self):
        self.net.route_in_kernel()
        node = self.net.mn_ns
        for number, (device, gateway, address) in enumerate(GATEWAYS.values(), 1):
            node.ip("rule", "add", "from", address, "table", str(number))
            node.route("default", "via", gateway, "dev", device, "table", str(number))
        for namespace in (node, self.net.ftp):
            namespace.ip("mptcp", "limits", "set", "subflow", "2", "add_addr_accepted", "2")
        node.ip("mptcp", "endpoint", "add", GATEWAYS["wlan"][2], "dev", "wlan0", "id", "1", "subflow")
        node.ip("mptcp", "endpoint", "add", GATEWAYS["cellular"][2], "dev", "rmnet0", "id", "2", "subflow",
                *([] if self.spreads else ["backup"]))

    def stream(self):
        stream = Stream(self.net.mn_ns, self.net.ftp, HOST, GATEWAYS["wlan"][2], "mptcp")
        wait_until(lambda: self._subflows() >= 2, "a second subflow")
        return stream

    def carried(self, pair, way):
        return goodput.carried_by_one(self.net, pair, way, "mptcp", GATEWAYS["wlan"][2])

    def _subflows(self):
        return self.net.mn_ns.run("ss", "-Htn", "state", "established", "dport", "=", ":7000").stdout.count("\n")

    def move(self, uplink):
        first, second = ("backup", "nobackup") if uplink == "cellular" else ("nobackup", "backup")
        # The one that shall carry is made so before the other ceases to.
        for number, flag in sorted(((1, first), (2, second)), key=lambda pair: pair[1] == "backup"):
            self.net.mn_ns.ip("mptcp", "endpoint", "change", "id", str(number), flag)

    def back(self):
        wait_until(lambda: self._subflows() >= 2, "a second subflow", timeout=60)


def contestants():
    return [
        Homeward(),
        Homeward("homeward_hold", handover={"hold": True}, numbered=True),
        Homeward("homeward_spread", policy={"rules": [{"name": "all", "correspondent": "0.0.0.0/0", "mode": "spread",
                                                       "prefer": ["wlan", "cellular"]}]}, spreads=True),
        Routed(), WireguardGo(), Mptcp(), Mptcp("mptcp_both", both=True),
    ]
