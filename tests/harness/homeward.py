"""The real daemons in a network of namespaces.

    mn ──wlan0── ap ───────┐
     │                     ├── core ──eth0── ha ──eth1── lan ── servers
     └──rmnet0── cell(NAT)─┘

    mn     wlan0 10.1.1.2/24 via 10.1.1.1, rmnet0 10.64.0.2/24 via 10.64.0.1; home address 158.132.10.12
    ap     10.1.1.1, 198.51.100.2/24 towards core
    cell   10.64.0.1, 203.0.113.2/24 towards core, masquerades there (optional)
    ha     192.147.23.11/24 on eth0 via 192.147.23.1, 158.132.10.176/24 on eth1: both are DPDK ports, AF_XDP on veth
    lan    a switch: the home link 158.132.10.0/24 with the servers (.177 ftp, .178 video)

Every socket, store and device file of the daemons lives in the topology's directory, so that several systems run
beside each other on one machine.
"""

import os
import pathlib
import sys
import tempfile

from .admin import Admin
from .build import binary
from .flow import UdpFlow
from .netns import Topology
from .process import HarnessError, run, wait_until
from .yaml import dump

HOME_AGENT = "192.147.23.11"
CORE = "192.147.23.1"
HOME_ADDRESS = "158.132.10.12"
HOME_GATEWAY = "158.132.10.176"
FTP_SERVER = "158.132.10.177"
VIDEO_SERVER = "158.132.10.178"
BULK_FLOW = pathlib.Path(__file__).with_name("bulk_flow.py")
BULK_PORT = 7100
KEY = "9b6f1c0de24a7788a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718"
VIDEO_OVER_CELLULAR = {
    "default": ["wlan", "cellular"],
    "rules": [{"name": "video", "correspondent": f"{VIDEO_SERVER}/32", "prefer": ["cellular", "wlan"]}],
}


def unmet_needs():
    """Why the daemons cannot be run here, in one line; empty if they can."""
    try:
        for name in ("homeward-control", "homeward-dataplane", "homeward-mn", "homeward"):
            binary(name)
    except HarnessError as error:
        return str(error)
    return ""


def write_secret(path, text):
    """A file with a key in it is for its owner alone."""
    path.touch(mode=0o600)
    path.write_text(text)


class MobileNode:
    """One node with its daemon. `config` may be edited before `start`."""

    def __init__(self, system, namespace, home_address=HOME_ADDRESS, nai="phone@example.org", key=KEY):
        self.system, self.namespace, self.home_address, self.nai = system, namespace, home_address, nai
        self.directory = system.net.directory / namespace.name
        self.directory.mkdir(exist_ok=True)
        self.admin = Admin(system.sockets / f"{namespace.name}.sock")
        self.config_file = self.directory / "mn.yaml"
        self.policy_file = self.directory / "policy.yaml"
        self.process = None
        self.config = {
            "node": {"nai": nai, "home_address": home_address, "home_agent": HOME_AGENT,
                     "association": {"spi": 256, "algorithm": "hmac-sha256", "key": key},
                     "admin_socket": system.sockets / f"{namespace.name}.sock"},
            "uplinks": [
                {"name": "wlan", "interface": "wlan0", "label": 1, "technology": "wlan"},
                {"name": "cellular", "interface": "rmnet0", "label": 2, "technology": "lte"},
            ],
            "policy": "policy.yaml",
        }
        self.write_policy(VIDEO_OVER_CELLULAR)

    def write_policy(self, policy):
        self.policy_file.write_text(policy if isinstance(policy, str) else dump(policy))

    def start(self, wait=True):
        write_secret(self.config_file, dump(self.config))
        name = "homeward-mn"
        self.process = self.namespace.start(name, [*self.system.daemon(name), "--config", self.config_file])
        if wait:
            self.process.wait_ready(lambda: self.bound(), "registering every uplink", timeout=20)
        return self

    def bound(self, *names):
        """Whether the named uplinks (none: all) are bound and usable."""
        if self.admin.status() is None:
            return False
        uplinks = self.admin.uplinks()
        wanted = names or [uplink["name"] for uplink in self.config["uplinks"]]
        return all(name in uplinks and uplinks[name]["state"] == "bound" and uplinks[name]["usable"] for name in wanted)

    def wait_bound(self, *names, timeout=20):
        wait_until(lambda: self.bound(*names), f"{self.namespace.name}: {names or 'all'} bound", timeout)

    def synchronised(self):
        """Whether the home agent holds the same table."""
        return self.admin.status() is not None and self.admin.get("/v1/policy")["synchronised"]

    def wait_synchronised(self, timeout=30):
        wait_until(self.synchronised, f"{self.namespace.name}: policy synchronised", timeout)

    def uplink(self, name, action):
        return self.admin.post(f"/v1/uplinks/{name}", {"action": action})

    def reload(self):
        return self.admin.post("/v1/reload")

    def command(self, *words, **options):
        """`homeward ...` on the node."""
        return run([binary("homeward"), "--socket", self.admin.path, *words], **options)


class HomeAgent:
    """homeward-control and homeward-dataplane in one namespace."""

    def __init__(self, system, namespace):
        self.system, self.namespace = system, namespace
        self.directory = system.net.directory / namespace.name
        self.directory.mkdir(exist_ok=True)
        self.admin = Admin(system.sockets / "control.sock")
        self.config_file = self.directory / "ha.yaml"
        self.policy_file = self.directory / "policy.yaml"
        self.control = self.dataplane = None
        self.config = {
            "home_agent": {"address": HOME_AGENT, "admin_socket": system.sockets / "control.sock",
                           "dataplane_socket": system.sockets / "dataplane.sock",
                           "state": self.directory / "control.db"},
            "ports": [
                {"name": "access", "device": "net_af_xdp0,iface=eth0", "addresses": [f"{HOME_AGENT}/24"]},
                {"name": "home", "device": "net_af_xdp1,iface=eth1", "addresses": [f"{HOME_GATEWAY}/24"]},
            ],
            "home_networks": [
                {"prefix": "158.132.10.0/24", "port": "home", "pool": ["158.132.10.200-158.132.10.250"]},
            ],
            "uplinks": {"wlan": 1, "cellular": 2},
            "nodes": [],
        }

    def admit(self, node, key=KEY):
        """Knows a node, by the key given."""
        self.config["nodes"].append({
            "nai": node.nai, "home_address": node.home_address,
            "associations": [{"spi": 256, "algorithm": "hmac-sha256", "key": key}]})

    def write_config(self):
        write_secret(self.config_file, dump(self.config))

    def start(self):
        self.write_config()
        self.start_control()
        self.start_dataplane()
        return self

    def start_control(self):
        name = "homeward-control"
        self.control = self.namespace.start(name, [*self.system.daemon(name), "--config", self.config_file])
        self.control.wait_ready(self.admin.status, "answering on its admin socket")
        # The way to the nodes is the operator's business: an ordinary route of the kernel, on the port's twin.
        self.namespace.ip("route", "replace", "default", "via", CORE)

    def start_dataplane(self, wait=True):
        name = "homeward-dataplane"
        self.dataplane = self.namespace.start(name, [*self.system.daemon(name), "--config", self.config_file])
        if wait:
            self.dataplane.wait_ready(self.connected, "connecting to control", timeout=30)

    def connected(self):
        status = self.admin.status()
        return bool(status) and status["dataplane"]["connected"] and status["dataplane"].get("pid") == self.dataplane.pid

    def reload(self):
        return self.admin.post("/v1/reload")

    def command(self, *words, **options):
        """`homeward ...` on the home agent."""
        return run([binary("homeward"), "--socket", self.admin.path, *words], **options)


def more(flows, count):
    """Waits until each flow has delivered `count` more datagrams."""
    goal = [flow.arrived() + count for flow in flows]
    wait_until(lambda: all(flow.arrived() >= n for flow, n in zip(flows, goal)), f"{count} more datagrams of each flow")


class HomewardSystem(Topology):
    """The network above with the daemons in it; `start` starts them.

    nat_cellular: the cellular network masquerades. same_subnet: both uplinks have addresses of one private subnet
    behind gateways of the same address, as two home routers may give; implies NAT on both. delay_ms: how far the home
    agent is from the core, one way."""

    def __init__(self, prefix, nat_cellular=True, same_subnet=False, directory=None, mtu=1500, delay_ms=0):
        super().__init__(prefix, directory)
        self.net = self
        self.nice = 0  # of the daemons
        self.nat_cellular, self.same_subnet, self.mtu, self.delay_ms = nat_cellular, same_subnet, mtu, delay_ms

    def __enter__(self):
        super().__enter__()
        # Socket paths are limited to 107 bytes; the directory of a run may be deep.
        self._sockets = tempfile.TemporaryDirectory(prefix=f"homeward-{os.getpid()}-sockets-")
        self.sockets = pathlib.Path(self._sockets.name)
        try:
            self._build()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *error):
        try:
            return super().__exit__(*error)
        finally:
            self._sockets.cleanup()

    def _build(self):
        self.core = self._router("core")
        self.ap, self.cell = self._router("ap"), self._router("cell")
        self.ha_ns, self.lan = self.namespace("ha"), self.namespace("lan")
        self.mn_ns = self.namespace("mn")
        self.lan_ports = 0
        self._access(self.ap, "198.51.100", self.same_subnet)
        self._access(self.cell, "203.0.113", self.nat_cellular or self.same_subnet)
        if self.delay_ms:
            self.emulated_link(self.core, "ha", self.ha_ns, "eth0", both={"delay_ms": self.delay_ms})
        else:
            self.veth(self.core, "ha", self.ha_ns, "eth0")
        self.core.address("ha", f"{CORE}/24")
        self.core.offloads_off("ha")
        self.lan.ip("link", "add", "br0", "type", "bridge", "forward_delay", "0")
        self.lan.link_up("br0")
        self._plug(self.ha_ns, "eth1")
        self.lan.offloads_off("port1")
        wlan = "192.168.1" if self.same_subnet else "10.1.1"
        cellular = "192.168.1" if self.same_subnet else "10.64.0"
        self.attach(self.mn_ns, "wlan0", self.ap, "wlan", wlan, 2)
        self.attach(self.mn_ns, "rmnet0", self.cell, "radio", cellular, 3 if self.same_subnet else 2)
        self.ftp, self.video = self.server("ftp", FTP_SERVER), self.server("video", VIDEO_SERVER)
        self.ha = HomeAgent(self, self.ha_ns)
        self.mn = MobileNode(self, self.mn_ns)

    def _router(self, name):
        namespace = self.namespace(name)
        namespace.forward()
        return namespace

    def _access(self, router, network, nat):
        """Connects an access network's router with the core."""
        self.veth(router, "core", self.core, router.name)
        router.address("core", f"{network}.2/24")
        self.core.address(router.name, f"{network}.1/24")
        router.route("default", "via", f"{network}.1")
        if nat:
            router.masquerade("core")
        router.nat = nat

    def attach(self, node, device, router, router_device, subnet, host):
        """Puts a node into an access network; the first address of the subnet is the router's."""
        self.access_cable(node, device, router, router_device)
        node.address(device, f"{subnet}.{host}/24")
        router.address(router_device, f"{subnet}.1/24")
        metric = 100 + len(node.devices())
        node.route("default", "via", f"{subnet}.1", "dev", device, "metric", str(metric))
        if not router.nat:
            self.core.route(f"{subnet}.0/24", "via", router.ip("-4", "-o", "address", "show", "core").stdout.split()[3].split("/")[0])

    def access_cable(self, node, device, router, router_device):
        """What lies between a node and an access network's router."""
        self.veth(node, device, router, router_device, self.mtu)

    def _plug(self, namespace, device):
        self.lan_ports += 1
        self.veth(namespace, device, self.lan, f"port{self.lan_ports}")
        self.lan.ip("link", "set", f"port{self.lan_ports}", "master", "br0")

    def server(self, name, address):
        """A host on the home link; the home agent is its way out."""
        namespace = self.namespace(name)
        self._plug(namespace, "eth0")
        namespace.address("eth0", f"{address}/24")
        namespace.route("default", "via", HOME_GATEWAY)
        return namespace

    def daemon(self, name):
        """The words that start a daemon."""
        return ["nice", "-n", str(self.nice), binary(name)] if self.nice else [binary(name)]

    def flow_pair(self, port, rate):
        """[up, down]: a flow each between the node and `ftp`."""
        return [UdpFlow(self.mn_ns, self.ftp, FTP_SERVER, port, rate), UdpFlow(self.ftp, self.mn_ns, HOME_ADDRESS, port + 1, rate)]

    def transfer(self, down, size, meanwhile=lambda: None):
        """Moves `size` bytes one way between the node and `ftp`, by TCP; what arrives must be what was sent."""
        ends = [(self.mn_ns, HOME_ADDRESS), (self.ftp, FTP_SERVER)]
        (sender, source), (receiver, destination) = reversed(ends) if down else ends
        sink = receiver.start("receive", [sys.executable, BULK_FLOW, "receive", destination, BULK_PORT])
        sink.wait_for_output("ready")
        done = sender.start("send", [sys.executable, BULK_FLOW, "send", source, destination, BULK_PORT, size])
        meanwhile()
        assert done.wait() == 0, done.text()
        assert sink.wait() == 0, sink.text()
        assert sink.text().split()[-1] == done.text().split()[-1]

    def replay_signal(self, trace, **keys):
        """The node's signal is to come from `trace`, the text of one, with further keys of `signal`."""
        file = self.mn.directory / "links.csv"
        file.write_text(trace)
        self.mn.config["signal"] = {"source": "replay", "trace": str(file), "interval": "100 ms", **keys}

    def start(self):
        """Home agent, then the node, until every uplink is bound."""
        if not self.ha.config["nodes"]:
            self.ha.admit(self.mn)
        self.ha.start()
        self.mn.start()
        return self


