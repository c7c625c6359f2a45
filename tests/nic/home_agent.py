"""The home agent in the guest, on the NICs there, and the rest of the system around it as tests/harness knows it.

    mn ══ ap, cell ══ core ──eth0── access ──┬── slot 1  virtio-net, 2 queues, RSS ──┐
                                             └── slot 3  e1000e                    ──┤ guest: control, dataplane
                                             ┌── slot 2  virtio-net, 2 queues, RSS ──┤
                   servers ── lan ──eth1── home ──┴── slot 4  e1000e               ──┘
"""

import contextlib
import json
import sys
import time

from harness.build import binary, build_directory
from harness.homeward import CORE, HOME_AGENT, HOME_GATEWAY, HomewardSystem
from harness.process import HarnessError, wait_until
from harness.yaml import dump
from nics import VIRTIO_RSS, Nic, NicGuest

VIRTIO_PAIR = {"access": Nic(1, VIRTIO_RSS, "access", queues=2), "home": Nic(2, VIRTIO_RSS, "home", queues=2)}
E1000E_PAIR = {"access": Nic(3, "e1000e", "access"), "home": Nic(4, "e1000e", "home")}
# QEMU 7.2 spreads by RSS after it has read a frame from one of the TAP's queues. When the ring that RSS chooses is full,
# that queue sleeps until its own ring, another one, is refilled: perhaps never. So no ring may ever be full.
SMALL_WINDOWS = "4096 65536 131072"
CONFIG = "/etc/homeward/ha.yaml"
CONTROL_SOCKET = "/run/homeward/control.sock"


class GuestHomeAgent:
    """homeward-control and homeward-dataplane, with every path and socket where it is by default."""

    def __init__(self, guest):
        self.guest, self.log = guest, guest.console
        self.control = self.dataplane = None
        self.config = {
            "home_agent": {"address": HOME_AGENT},
            "dataplane": {"workers": 2, "cores": "1,2,3", "huge_pages": "always"},
            "home_networks": [{"prefix": "158.132.10.0/24", "port": "home"}],
            "uplinks": {"wlan": 1, "cellular": 2},
            "nodes": [],
        }

    def admit(self, nai, home_address, key):
        self.config["nodes"].append({
            "nai": nai, "home_address": home_address,
            "associations": [{"spi": 256, "algorithm": "hmac-sha256", "key": key}]})

    def use(self, nics):
        """Writes the configuration with these NICs."""
        ports = {name: {"name": name, "device": nic.address} for name, nic in nics.items()}
        ports["access"]["addresses"] = [f"{HOME_AGENT}/24"]
        ports["home"]["addresses"] = [f"{HOME_GATEWAY}/24"]
        self.config["ports"] = list(ports.values())
        self.guest.write(CONFIG, dump(self.config))

    def start_control(self):
        self.control = self.guest.start(f"{binary('homeward-control')} --config {CONFIG}")
        wait_until(self.status, "control answering in the guest", 60, interval=0.5)
        self.guest.run(f"ip route replace default via {CORE}")

    def start_dataplane(self, capabilities=None):
        """As root, with every capability or with those named only."""
        limit = f"setpriv --bounding-set=-all,{','.join(f'+{name}' for name in capabilities)} " if capabilities else ""
        self.dataplane = self.guest.start(f"{limit}{binary('homeward-dataplane')} --config {CONFIG} --verbose")
        wait_until(self.connected, "the data plane connecting to control in the guest", 90, interval=0.5)

    def stop_dataplane(self, signal="TERM"):
        self.guest.run(f"kill -{signal} {self.dataplane}")
        wait_until(lambda: not self.guest.runs(self.dataplane), f"the data plane ending by {signal}", 30, interval=0.5)

    def connected(self):
        if not self.guest.runs(self.dataplane):
            raise AssertionError(f"the data plane ended:\n{self.log.tail()}")
        dataplane = (self.status() or {}).get("dataplane", {})
        return dataplane.get("connected") and dataplane.get("pid") == self.dataplane

    def status(self):
        """Control's, or None when it does not answer."""
        text = self.guest.run(f"curl -sf --max-time 10 --unix-socket {CONTROL_SOCKET} http://localhost/v1/status", check=False)
        return json.loads(text) if text else None

    def show(self, *words):
        """`homeward show ...` in the guest, as text or, with --json, as data."""
        text = self.guest.run(f"{binary('homeward')} show {' '.join(words)}")
        return json.loads(text) if "--json" in words else text

    def counters(self):
        """Both daemons'. Control answers without the data plane's when that one is slow."""
        def complete():
            counters = self.show("stats", "--json")["counters"]
            return counters if "worker.0.packets" in counters else None
        return wait_until(complete, "the data plane's counters", 30)

    def drops(self):
        """Those that happened."""
        return {name: count for name, count in self.show("drops", "--json")["drops"].items() if count}


class GuestSystem(HomewardSystem):
    """The namespaces, the guest in the home agent's place, and a report of what happens."""

    def __enter__(self):
        self.began = time.monotonic()
        super().__enter__()
        self.say("namespaces are there")
        return self

    def say(self, text):
        print(f"[{time.monotonic() - self.began:5.0f} s] {text}", flush=True)

    def explain(self, lines=25):
        super().explain(lines)
        with contextlib.suppress(HarnessError, AttributeError):
            print(f"--- drops {self.ha.drops()}\n{self.ha.show('stats')}", file=sys.stderr)

    def boot(self):
        self.say("booting the guest (software emulation)")
        for bridge, device in (("access", "eth0"), ("home", "eth1")):
            self.bridge(self.ha_ns, bridge, [device])
            # A checksum that virtio-net leaves to the other side is computed here: else nobody would look at it.
            self.ha_ns.offloads_off(device)
        for receiver in (self.mn_ns, self.ftp):
            receiver.sysctl(net__ipv4__tcp_rmem=SMALL_WINDOWS)
        nics = [*VIRTIO_PAIR.values(), *E1000E_PAIR.values()]
        self.guest = NicGuest(self.ha_ns, self.sockets, build_directory() / "guest-kernel", nics)
        self.ha = GuestHomeAgent(self.guest)
        self.say(f"up: {self.guest.run('uname -rv').strip()}")
