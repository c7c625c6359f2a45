"""PCI NICs for a guest: behind PCIe root ports and a virtual IOMMU, their wires TAPs on bridges of a namespace.

    namespace of the host ── bridges ── TAPs ──[ QEMU ]
"""

import typing

from guest.machine import Guest

# The worker CPUs are kept free as docs/dataplane.md says.
KERNEL_LINE = "intel_iommu=on isolcpus=2,3 nohz_full=2,3"
PROGRAMS = ("dpdk-devbind.py", "lspci")


class Nic(typing.NamedTuple):
    """One NIC; its PCI address is 0000:0<slot>:00.0."""

    slot: int
    model: str  # QEMU's device with its options
    bridge: str  # of the namespace, where its wire ends
    queues: int = 1

    @property
    def tap(self):
        return f"nic{self.slot}"

    @property
    def mac(self):
        return f"52:54:00:00:00:{self.slot:02x}"

    @property
    def address(self):
        return f"0000:{self.slot:02x}:00.0"


VIRTIO = "virtio-net-pci,disable-legacy=on,iommu_platform=on"
VIRTIO_RSS = VIRTIO + ",mq=on,vectors=6,rss=on,rx_queue_size=1024"


class NicGuest(Guest):
    """A guest that has these NICs."""

    def __init__(self, namespace, sockets, kernel, nics):
        self.nics = nics
        for nic in nics:
            plug_in(namespace, nic)
        devices = [word for part in (iommu(), *map(hardware, nics)) for word in part]
        super().__init__(namespace, sockets, kernel, devices, KERNEL_LINE)
        self.run("modprobe -a e1000e virtio_net")

    def set_link(self, nic, up):
        """Plugs a NIC's cable in or out."""
        self.ask_qemu("set_link", name=f"wire{nic.slot}", up=up)


def plug_in(namespace, nic):
    """The host's end of a NIC's wire."""
    queues = ["multi_queue"] if nic.queues > 1 else []
    namespace.run("ip", "tuntap", "add", nic.tap, "mode", "tap", "vnet_hdr", *queues)
    namespace.ip("link", "set", nic.tap, "up", "master", nic.bridge)


def iommu():
    return ["-device", "intel-iommu,intremap=on,caching-mode=on"]


def hardware(nic):
    queues = f",queues={nic.queues}" if nic.queues > 1 else ""
    return ["-device", f"pcie-root-port,id=slot{nic.slot},chassis={nic.slot}",
            "-netdev", f"tap,id=wire{nic.slot},ifname={nic.tap},script=no,downscript=no,vhost=off{queues}",
            "-device", f"{nic.model},bus=slot{nic.slot},netdev=wire{nic.slot},mac={nic.mac}"]
