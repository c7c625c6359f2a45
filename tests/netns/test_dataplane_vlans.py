"""homeward-dataplane's ports on VLANs of a device, and both sides on one port ("on a stick").

              ┌ VLAN 100 or untagged ── eth0 access
    ha v0 ── switch
              └ VLAN 200 ────────────── eth0 home

The rest is as in test_dataplane.py: the same addresses, the same node at the access side, the same correspondent.
"""

import pathlib
import struct

import harness
import pytest
from harness import forge
from harness.netns import Topology
from harness.process import wait_until
from test_dataplane import ADDRESSES, DEVICES, HOST, Lab, everything_forwards, seen

SWITCH = pathlib.Path(harness.__file__).with_name("vlan_switch.py")
BOTH_TAGGED = {"access": 100, "home": 200}


class Trunk(Lab):
    """The network above. `vlans`: by port name, 0 for untagged; all on one device of the home agent."""

    def __init__(self, net, kind, vlans):
        device = DEVICES[kind](0, "v0")
        super().__init__(net, veth=False, ports=[
            {"name": name, "device": device, "addresses": [ADDRESSES[name]], **({"vlan": vlan} if vlan else {})}
            for name, vlan in vlans.items()])
        self.switch, self.stranger = net.namespace("switch"), net.namespace("stranger")
        net.veth(self.ha, "v0", self.switch, "trunk")
        self.switch.offloads_off("trunk")
        # The stranger is in a VLAN that no port of the configuration is for.
        branches = {"access": self.access, "home": self.home, "stranger": self.stranger}
        for name, far in branches.items():
            net.veth(far, "eth0", self.switch, name)
            far.offloads_off("eth0")
        self.address_far_ends()
        self.stranger.address("eth0", "203.0.113.1/24")
        ports = [f"{name}={vlan}" for name, vlan in {**vlans, "stranger": 300}.items()]
        self.switch.start("switch", ["/usr/bin/python3", "-B", SWITCH, "trunk", *ports]).wait_for_output("ready")


@pytest.mark.parametrize("kind", DEVICES)
def test_two_vlans_of_one_device(kind):
    with Topology("vlan") as net:
        lab = Trunk(net, kind, BOTH_TAGGED)
        lab.start()
        everything_forwards(lab)
        counters = lab.peer.counters()
        for name in BOTH_TAGGED:
            assert counters[f"port.{name}.rx_packets"] > 0 and counters[f"port.{name}.tx_packets"] > 0
        assert counters["drop.port.unknown_vlan"] == 0
        lab.stranger.ping("203.0.113.9")
        wait_until(lambda: lab.peer.counters()["drop.port.unknown_vlan"] > 0, "the stranger's ARP dropped")
        assert lab.process.stop() == 0


@pytest.mark.parametrize("kind", DEVICES)
def test_one_vlan_beside_untagged_frames(kind):
    """What is in no VLAN of ours belongs to the untagged port: its twin gets it, tag and all."""
    with Topology("vlan") as net:
        lab = Trunk(net, kind, {"access": 0, "home": 200})
        lab.start()
        everything_forwards(lab)
        capture = lab.ha.capture("hw-access", "strange", "vlan 300")
        lab.stranger.ping("203.0.113.9")
        seen(capture, lambda frame: frame[12:18] == struct.pack("!HHH", 0x8100, 300, 0x0806))
        assert lab.peer.counters()["drop.port.unknown_vlan"] == 0
        assert lab.process.stop() == 0


def test_tagged_packets_are_passed_on():
    """Two workers, one queue: the addresses behind the tag decide."""
    with Topology("vlan") as net:
        lab = Trunk(net, "af_xdp", BOTH_TAGGED)
        lab.config["dataplane"]["workers"] = 2
        lab.start()
        everything_forwards(lab)
        forge.send(lab.access, [forge.ip(17, f"192.0.2.{100 + number}", HOST, forge.udp(9, 9, b"transit"))
                                for number in range(32)])
        wait_until(lambda: lab.peer.counters()["worker.0.passed_on"] > 0, "packets passed on")
        assert lab.peer.counters()["worker.1.packets"] > 0


@pytest.mark.parametrize("kind", DEVICES)
def test_one_port_serves_both_sides(kind):
    """Access and home side are two subnets of one link."""
    both = {"name": "both", "device": DEVICES[kind](0, "v0"), "addresses": list(ADDRESSES.values())}
    with Topology("stick") as net:
        lab = Lab(net, veth=False, ports=[both])
        switch = net.namespace("switch")
        for number, (namespace, end) in enumerate([(lab.ha, "v0"), (lab.access, "eth0"), (lab.home, "eth0")]):
            net.veth(namespace, end, switch, f"port{number}")
            switch.offloads_off(f"port{number}")
            namespace.offloads_off(end)
        net.bridge(switch, "br0", ["port0", "port1", "port2"])
        lab.address_far_ends()
        lab.start()
        everything_forwards(lab)
        assert lab.process.stop() == 0
