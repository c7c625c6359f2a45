"""Other tunnels between the same namespaces: one end at `node`, the other at `ha`, whose kernel routes to the home link."""

import os

from harness.homeward import write_secret
from harness.process import run

from contestant import Contestant
from path import AGENT, CARE_OF, HOME

USER_SPACE_MTU = 1440  # what WireGuard leaves of 1500, for each of them
ENDS = {"node": (CARE_OF, AGENT), "ha": (AGENT, CARE_OF)}  # own address, the other's


class Cable(Contestant):
    """No tunnel, nothing between: the two ends on one cable. What the loads themselves can do here."""

    def __init__(self, name, real_frames=True):
        super().__init__(name, 1500, None, real_frames)

    def build(self, path):
        path.net.veth(path.node, "eth1", path.host, "eth1")
        path.plain(path.node, "eth1")
        path.plain(path.host, "eth1")
        path.lead(self.mtu, ("dev", "eth1"), ("dev", "eth1"))

    def prove(self):
        """Its packets cross neither of the cables that the others use."""


class Router(Contestant):
    """The kernel of `ha` routes between plain cables; no tunnel."""

    def __init__(self, name, real_frames=True):
        super().__init__(name, 1500, None, real_frames)

    def build(self, path):
        path.route_in_kernel()
        path.lead(self.mtu, ("via", AGENT))
        path.ha.route(f"{HOME}/32", "via", CARE_OF)


class Peer(Contestant):
    """A tunnel with a device at either end: a subclass makes the devices, here they get addresses and routes."""

    def build(self, path):
        path.route_in_kernel()
        inside = {"node": "10.9.0.1", "ha": "10.9.0.2"}
        devices = self.join(path)
        for end, device in devices.items():
            namespace = getattr(path, end)
            path.plain(namespace, device)
            namespace.address(device, f"{inside[end]}/30")
            namespace.ip("link", "set", "dev", device, "mtu", str(self.mtu), "up")
        path.lead(self.mtu, ("via", inside["ha"], "dev", devices["node"]))
        path.ha.route(f"{HOME}/32", "via", inside["node"], "dev", devices["ha"])

    def join(self, path):
        """Makes the tunnel; its device at each end, by ENDS' names."""
        raise NotImplementedError

    def start_end(self, path, end, device, command, **options):
        namespace = getattr(path, end)
        process = namespace.start(self.name, command, **options)
        process.wait_ready(lambda: device in namespace.devices(), f"making {device}")
        self.processes.append(process)


class Vxlan(Peer):
    """The kernel's VXLAN, without outer checksum as is its default."""

    def __init__(self, name, real_frames=True):
        super().__init__(name, 1450, 4789, real_frames)

    def join(self, path):
        for end, (own, other) in ENDS.items():
            getattr(path, end).ip("link", "add", "tunnel", "type", "vxlan", "id", "1", "local", own, "remote", other,
                                  "dstport", str(self.tunnel_port))
        return dict.fromkeys(ENDS, "tunnel")


class WireguardGo(Peer):
    def __init__(self, name, real_frames=True):
        super().__init__(name, USER_SPACE_MTU, 51820, real_frames)

    def join(self, path):
        # The control socket of a device is named after it, in one directory for all namespaces.
        devices = {end: f"wg{'gr'[self.real_frames]}{end[0]}{os.getpid()}" for end in ENDS}
        keys = {end: run(["wg", "genkey"]).stdout for end in ENDS}
        public = {end: run(["wg", "pubkey"], stdin=keys[end]).stdout.strip() for end in ENDS}
        for end, (_, other) in ENDS.items():
            (far,) = set(ENDS) - {end}
            key = path.directory() / f"{end}.key"
            write_secret(key, keys[end])
            self.start_end(path, end, devices[end], ["wireguard-go", "--foreground", devices[end]])
            run(["wg", "set", devices[end], "listen-port", self.tunnel_port, "private-key", key, "peer", public[far],
                 "allowed-ips", "0.0.0.0/0", "endpoint", f"{other}:{self.tunnel_port}"])
        return devices


class Fastd(Peer):
    """`method`: `null` neither encrypts nor authenticates; `salsa2012+umac` is what its manual recommends."""

    def __init__(self, name, method, real_frames=True):
        super().__init__(name, USER_SPACE_MTU, 10000, real_frames)
        self.method = method

    def join(self, path):
        keys = {end: generate_fastd_key() for end in ENDS}
        for end, (own, other) in ENDS.items():
            (far,) = set(ENDS) - {end}
            config = path.directory() / f"{end}.conf"
            write_secret(config, f"""
                mode tun; interface "fastd0"; mtu {self.mtu}; method "{self.method}"; bind {own}:{self.tunnel_port};
                secret "{keys[end]['Secret']}";
                peer "{far}" {{ key "{keys[far]['Public']}"; remote {other}:{self.tunnel_port}; }}
                """)
            self.start_end(path, end, "fastd0", ["fastd", "--config", config])
        return dict.fromkeys(ENDS, "fastd0")


def generate_fastd_key():
    lines = run(["fastd", "--generate-key"]).stdout.splitlines()
    return dict(line.split(": ") for line in lines if ": " in line)


class Openvpn(Peer):
    """UDP, TLS, TUN. `cipher`: AES-256-GCM is what it chooses by itself here; `none` neither encrypts nor authenticates
    packets."""

    def __init__(self, name, cipher, real_frames=True):
        super().__init__(name, USER_SPACE_MTU, 1194, real_frames)
        self.cipher = cipher

    def join(self, path):
        fingerprints = {end: make_certificate(path.directory(), end) for end in ENDS}
        for end, (own, other) in ENDS.items():
            (far,) = set(ENDS) - {end}
            role = ["--tls-server", "--dh", "none"] if end == "ha" else ["--tls-client"]
            none = ["--auth", "none"] if self.cipher == "none" else []
            self.start_end(path, end, "tun0", [
                "openvpn", "--dev", "tun0", "--dev-type", "tun", "--proto", "udp4", "--local", own, "--remote", other,
                "--port", self.tunnel_port, "--tun-mtu", self.mtu, *role, "--cert", f"{end}.crt", "--key", f"{end}.key",
                "--peer-fingerprint", fingerprints[far], "--data-ciphers", self.cipher, *none], cwd=path.directory())
        return dict.fromkeys(ENDS, "tun0")


def make_certificate(directory, name):
    """A self-signed pair NAME.crt, NAME.key; returns the SHA-256 fingerprint."""
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-keyout", directory / f"{name}.key", "-out", directory / f"{name}.crt"])
    printed = run(["openssl", "x509", "-in", directory / f"{name}.crt", "-noout", "-fingerprint", "-sha256"]).stdout
    return printed.strip().split("=")[1]
