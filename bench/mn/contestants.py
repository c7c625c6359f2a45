"""Who is compared: the node on its fast path, a cable without a tunnel, and other tunnels."""

import os
import types

from harness.capture import read_pcap
from harness.homeward import KEY, MobileNode, binary, write_secret
from harness.process import HarnessError, run

import load
import proof
from contestant import Contestant
from dataplanes import end_tunnel
from path import NODE_PORT
from registrar import Registrar
from wire import AGENT, HOST, Wire, generate_wireguard_key

TUNNEL_PORT, INNER_MTU = 434, 1468
EPHEMERAL = "32768 60999"


class OnWire(Contestant):
    """It may be at work outside its turns if that costs the others nothing."""

    def start(self, net):
        self.path = Wire(net, self.name, self.real_frames)
        self.build(self.path)
        with self.turn():
            self.prove()

    def close(self):
        """Ends what is not a process of the namespaces."""

    def prove(self):
        # Where they are sent: GRO has merged what a receiver captures.
        capture = self.path.host.capture("eth0", self.name, f"src host {AGENT} or src host {HOST}", snap=64)
        load.transfer(self.path)
        frames = [(frame, length) for _, frame, length in read_pcap(capture.stop())]
        complaints = proof.complaints(frames, frames, self.tunnel_port, self.real_frames)
        if complaints:
            raise HarnessError(f"{self.name}: {'; '.join(complaints)}")


class Bare(OnWire):
    """No tunnel. Its packets are as large as the cable takes."""

    def __init__(self, name, real_frames=True):
        super().__init__(name, 1500, None, real_frames)

    def build(self, path):
        path.lead(self.mtu, ("via", AGENT))


class Homeward(OnWire):
    """homeward-mn; the far end is tunnel_end.bpf.c at the cable, as cheap as an end can be. It has one port compiled in, so
    the node is given no other.

    `fast_path`: as in the configuration; `off` leads every packet through user space. That way with real frames only:
    its trains of datagrams are cut before the cable then, the far end could strip none that crosses whole, and leaves no
    checksum open, which user space could not close.

    `plain`: IP in IP, as where no NAT is on the way. Its packets have the size that UDP leaves."""

    def __init__(self, name, real_frames=True, fast_path="automatic", plain=False):
        super().__init__(name, INNER_MTU, proof.PLAIN if plain else TUNNEL_PORT, real_frames)
        self.fast_path, self.plain, self.registrar, self.node = fast_path, plain, None, None

    def build(self, path):
        if self.real_frames:
            path.end_tunnel(self.mtu, self.plain)
        else:
            # Nothing is cut: the cable itself takes what TCP makes.
            end_tunnel(path.host, "tc/far_out")
            path.lead(self.mtu, None)
        self.registrar = Registrar(path.host, AGENT, bytes.fromhex(KEY), self.plain)
        system = types.SimpleNamespace(net=path.net, sockets=path.directory(), daemon=lambda name: [binary(name)])
        node = MobileNode(system, path.node)
        node.config["uplinks"] = [{"name": "wlan", "interface": "eth0", "label": 1, "technology": "wlan"}]
        # With offloads no packet may go to user space, SYNs included. The routes hold the MSS down.
        node.config["tunnel"] = {"clamp_mss": self.real_frames, "fast_path": self.fast_path, "ip_in_ip": self.plain}
        node.config["routing"] = {"routes": [f"{HOST}/32"]}
        node.write_policy({"default": ["wlan"]})
        self.node = node
        if self.fast_path != "off":
            self._run()

    def _run(self):
        self.path.node.run("sysctl", "-qw", f"net.ipv4.ip_local_port_range={NODE_PORT} {NODE_PORT}")
        self.node.start()
        self.path.node.run("sysctl", "-qw", f"net.ipv4.ip_local_port_range={EPHEMERAL}")
        uplink = self.node.admin.uplinks()["wlan"]
        expected = "slow" if self.fast_path == "off" else "fast"
        if {uplink[way]["path"] for way in ("path_up", "path_down")} != {expected}:
            raise HarnessError(f"{self.name}: {uplink['path_up']}, {uplink['path_down']}")

    def thaw(self):
        """On the slow path its socket asks for joined datagrams: see Vxlan."""
        if self.fast_path == "off":
            self._run()

    def freeze(self):
        if self.fast_path == "off":
            self.node.process.stop()

    def close(self):
        if self.registrar:
            self.registrar.close()


class Vxlan(OnWire):
    """The kernel's, without outer checksum as is its default. It is up in its turns only: while any socket in the system has
    to do with GRO, the kernel looks for one for every datagram, the others' too."""

    def __init__(self, name, real_frames=True):
        super().__init__(name, 1450, 4789, real_frames)

    def build(self, path):
        for (namespace, own, other), inside in zip(path.ends(), ("10.9.0.1/30", "10.9.0.2/30"), strict=True):
            namespace.ip("link", "add", "tunnel", "type", "vxlan", "id", "1", "local", own, "remote", other, "dstport",
                         str(self.tunnel_port))
            namespace.address("tunnel", inside)
            namespace.ip("link", "set", "tunnel", "mtu", str(self.mtu))

    def thaw(self):
        for namespace, _own, _other in self.path.ends():
            namespace.link_up("tunnel")
        self.path.lead(self.mtu, ("via", "10.9.0.2"), ("via", "10.9.0.1"))

    def freeze(self):
        for namespace, _own, _other in self.path.ends():
            namespace.link_down("tunnel")


class WireguardGo(OnWire):
    def __init__(self, name, real_frames=True):
        super().__init__(name, 1440, 51820, real_frames)

    def build(self, path):
        keys = [generate_wireguard_key() for _ in range(2)]
        devices = []
        for number, (namespace, _own, other) in enumerate(path.ends()):
            # The control socket of a device is named after it, in one directory for all namespaces.
            device = f"wm{'or'[self.real_frames]}{number}{os.getpid()}"
            secret = path.directory() / f"{number}.key"
            write_secret(secret, keys[number][0])
            process = namespace.start("wireguard-go", ["wireguard-go", "--foreground", device])
            process.wait_ready(lambda name=device, there=namespace: name in there.devices(), f"making {device}")
            run(["wg", "set", device, "listen-port", self.tunnel_port, "private-key", secret, "peer", keys[1 - number][1],
                 "allowed-ips", "0.0.0.0/0", "endpoint", f"{other}:{self.tunnel_port}"])
            namespace.address(device, f"10.9.0.{number + 1}/30")
            namespace.ip("link", "set", device, "mtu", str(self.mtu), "up")
            devices.append(device)
        path.lead(self.mtu, ("via", "10.9.0.2", "dev", devices[0]), ("via", "10.9.0.1", "dev", devices[1]))


def contestants():
    """Those named _offload have the kernel's defaults on the cable."""
    return [Bare("bare"), Homeward("fast"), Homeward("fast_plain", plain=True), Vxlan("vxlan"), WireguardGo("wireguard_go"),
            Homeward("slow", fast_path="off"),
            Bare("bare_offload", False), Homeward("fast_offload", False), Vxlan("vxlan_offload", False),
            WireguardGo("wireguard_go_offload", False)]
