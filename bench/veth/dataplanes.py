"""What forwards by DPDK on AF_XDP ports: testpmd, and the home agent.

Around testpmd and around the home agent the node's end of the tunnel is the kernel's, by tunnel_end.bpf.c. testpmd's io
mode carries the tunnel's frames as they are; the far end then is tunnel_end.bpf.c too, at `host`. So every packet is
encapsulated once and decapsulated once in either case, and the frames on the access cable are the same.
"""

import os
import types

from harness import control_peer as ipc
from harness.control_peer import ControlPeer
from harness.build import binary, build_directory
from harness.homeward import HomeAgent, MobileNode
from harness.yaml import dump

from contestant import TCP, Contestant
from path import AGENT, CARE_OF, GATEWAY, HOME, HOST, NODE_PORT

TUNNEL_PORT, INNER_MTU = 434, 1468
PORTS = [{"name": "access", "device": "net_af_xdp0,iface=v0", "addresses": [f"{AGENT}/24"]},
         {"name": "home", "device": "net_af_xdp1,iface=v1", "addresses": [f"{GATEWAY}/24"]}]
NETWORK = "158.132.10.0/24"


def end_tunnel(namespace, encapsulate):
    """Puts tunnel_end.bpf.c at `eth0`; `encapsulate` is its section for the way out."""
    program = build_directory() / "bench" / "veth" / "tunnel_end.bpf.o"
    namespace.tc("qdisc", "add", "dev", "eth0", "clsact")
    for hook, section in (("egress", encapsulate), ("ingress", "tc/in")):
        namespace.tc("filter", "add", "dev", "eth0", hook, "bpf", "direct-action", "object-file", program,
                     "section", section)


class Testpmd(Contestant):
    """testpmd, io mode. It polls. Its threads may run on every CPU, as the home agent's may.

    `tunnel`: it carries tunnel frames between two tunnel ends; else plain frames between two hosts."""

    def __init__(self, name, tunnel=True):
        super().__init__(name, INNER_MTU, TUNNEL_PORT if tunnel else None)
        self.tunnel = tunnel
        if not tunnel:
            self.measurements = TCP

    def build(self, path):
        # No router in between: the far end of the access cable is `host` itself.
        path.host.address("eth0", f"{AGENT}/24")
        path.lead(self.mtu, ("via", AGENT), ("via", CARE_OF))
        if self.tunnel:
            end_tunnel(path.node, "tc/node_out")
            end_tunnel(path.host, "tc/far_out")
        cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        keyboard, self.keyboard = os.pipe()  # testpmd ends when its standard input does
        process = path.ha.start("testpmd", [
            "dpdk-testpmd", "--no-pci", "--no-huge", "--no-shconf", "-m", 256, "--lcores", f"0@({cpus}),1@({cpus})",
            "--vdev", "net_af_xdp0,iface=v0", "--vdev", "net_af_xdp1,iface=v1", "--",
            "--forward-mode=io", "--auto-start", "--no-mlockall", "--total-num-mbufs=16384", "--rxd=2048", "--txd=2048"],
            stdin=keyboard)
        os.close(keyboard)
        self.processes.append(process)


class Homeward(Contestant):
    """homeward-dataplane with one binding; its control is the harness's stand-in.

    `checksum`: computes the outer UDP checksum on the way down, as is the default; tunnel_end.bpf.c never does.
    `idle`: as in the configuration; `automatic` sleeps on AF_XDP when there is nothing to do."""

    def __init__(self, name, checksum=False, idle="automatic"):
        super().__init__(name, INNER_MTU, TUNNEL_PORT)
        self.checksum, self.idle = checksum, idle
        if checksum:
            self.measurements = ("tcp_down", "small_down")  # nothing differs on the way up
        elif idle != "automatic":
            self.measurements = TCP

    def build(self, path):
        end_tunnel(path.node, "tc/node_out")
        path.lead(self.mtu, ("via", AGENT))
        for port in PORTS:
            path.ha.ip("tuntap", "add", "dev", f"hw-{port['name']}", "mode", "tap")
            path.ha.address(f"hw-{port['name']}", *port["addresses"])
            path.ha.link_up(f"hw-{port['name']}")
        directory = path.directory()
        config = directory / "ha.yaml"
        config.write_text(dump({
            "home_agent": {"address": AGENT, "admin_socket": directory / "control.sock",
                           "dataplane_socket": directory / "dataplane.sock", "state": directory / "control.db"},
            "ports": PORTS, "dataplane": {"idle": self.idle},
            "home_networks": [{"prefix": NETWORK, "port": "home"}], "nodes": []}))
        self.control = ControlPeer(directory / "dataplane.sock")
        self.control.state = [
            (ipc.SETTINGS, ipc.settings(AGENT, INNER_MTU, self.checksum)),
            (ipc.HOME_NETWORK, ipc.home_network(NETWORK, "home")),
            (ipc.BINDING_PUT, ipc.binding(HOME, (CARE_OF, NODE_PORT, 1)))]
        process = path.ha.start("dataplane", [binary("homeward-dataplane"), "--config", config])
        process.wait_for_output("connected to control")
        self.control.accept()
        self.processes.append(process)


class HomewardNode(Contestant):
    """All three daemons as they come: homeward-mn at the node instead of tunnel_end.bpf.c. `fast_path`: as in the
    configuration; `off` leads every packet through homeward-mn's TUN."""

    def __init__(self, name, fast_path="automatic"):
        super().__init__(name, INNER_MTU, TUNNEL_PORT)
        self.fast_path = fast_path

    def build(self, path):
        system = types.SimpleNamespace(net=path.net, sockets=path.directory(), daemon=lambda name: [binary(name)])
        path.host.route(f"{HOME}/32", "via", GATEWAY, "src", HOST, "mtu", "lock", str(self.mtu))
        path.node.ip("address", "delete", f"{HOME}/32", "dev", "lo")
        path.node.route("default", "via", AGENT)
        node = MobileNode(system, path.node)
        node.config["uplinks"] = [{"name": "wlan", "interface": "eth0", "label": 1, "technology": "wlan"}]
        node.config["tunnel"] = {"fast_path": self.fast_path}
        node.config["registration"] = {"lifetime": "600 s"}  # it sleeps between its turns
        node.write_policy({"default": ["wlan"]})
        agent = HomeAgent(system, path.ha)
        agent.config["ports"] = PORTS
        agent.admit(node)
        agent.start()
        node.start()
        self.processes += [agent.control, agent.dataplane, node.process]
