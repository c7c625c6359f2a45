"""A machine with PCI NICs, emulated by QEMU, that runs the programs of this one under Debian's kernel.

    namespace of the host ── bridges ── TAPs ──[ QEMU: NICs behind PCIe root ports, virtual IOMMU ]

Nothing is installed in it: it reads this machine's file system over 9p and keeps what it writes in memory. No KVM.
"""

import json
import pathlib
import shutil
import socket
import subprocess
import typing

from harness.process import HarnessError

from initramfs import write_initramfs

HERE = pathlib.Path(__file__).resolve().parent
CPUS, MEMORY_MB = 4, 2048
# The worker CPUs are kept free as docs/dataplane.md says. no_timer_check: a loaded machine may be too slow for it.
KERNEL_LINE = ("console=ttyS0 quiet panic=-1 no_timer_check mitigations=off init_on_alloc=0 "
               "intel_iommu=on isolcpus=2,3 nohz_full=2,3")


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


def unmet_needs():
    """Why there can be no guest here, in one line; empty if there can."""
    missing = [program for program in ("qemu-system-x86_64", "dpdk-devbind.py", "lspci", "modprobe")
               if not shutil.which(program)]
    return f"needs {', '.join(missing)}: see NIC_PACKAGES in the Makefile" if missing else ""


class Guest:
    """Boots when made. Logs of its kernel and daemons are in `console`."""

    def __init__(self, namespace, sockets, kernel, nics):
        self.nics = nics
        self._shell_path, self._monitor_path = sockets / "shell", sockets / "monitor"
        get_kernel(kernel)
        initramfs = namespace.topology.directory / "initramfs"
        write_initramfs(kernel, initramfs)
        for nic in nics:
            plug_in(namespace, nic)
        self.console = namespace.start("guest", [*machine(kernel, initramfs), *self._channels(),
                                                 *[word for nic in nics for word in hardware(nic)]])
        self.console.wait_ready(self._shell_path.exists, "making its sockets")
        self._shell = connect(self._shell_path)
        self.run("true", timeout=240)

    def _channels(self):
        return ["-serial", "stdio", "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=shell,path={self._shell_path},server=on,wait=off",
                "-device", "virtserialport,chardev=shell,name=homeward",
                "-qmp", f"unix:{self._monitor_path},server=on,wait=off"]

    def run(self, command, check=True, timeout=60):
        """Runs a shell command to its end and returns what it printed."""
        answer = self._ask({"run": command, "timeout": timeout}, timeout)
        if check and answer["status"] != 0:
            raise HarnessError(f"guest: {command}: exit {answer['status']}: {answer['error'] or answer['output']}")
        return answer["output"]

    def start(self, command):
        """Starts a daemon and returns its pid."""
        return self._ask({"start": command})["pid"]

    def runs(self, pid):
        return self.run(f"kill -0 {pid} 2>/dev/null && echo yes", check=False) != ""

    def write(self, path, text, mode=0o600):
        self._ask({"write": path, "text": text, "mode": mode})

    def set_link(self, nic, up):
        """Plugs a NIC's cable in or out."""
        with connect(self._monitor_path) as monitor, monitor.makefile("rw") as file:
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": "set_link", "arguments": {"name": f"wire{nic.slot}", "up": up}}):
                file.write(json.dumps(request))
                file.flush()
                answer = {}
                while "return" not in answer:
                    answer = json.loads(file.readline())
                    if "error" in answer:
                        raise HarnessError(f"QEMU: {request}: {answer['error']}")

    def _ask(self, request, timeout=60):
        self._shell.settimeout(timeout + 30)
        self._shell.sendall(json.dumps(request).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            try:
                part = self._shell.recv(65536)
            except OSError:
                part = b""
            if not part:
                raise HarnessError(f"the guest does not answer {request}:\n{self.console.tail()}")
            answer += part
        return json.loads(answer)


def get_kernel(directory):
    done = subprocess.run([HERE / "kernel", directory], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=300, check=False)
    if done.returncode != 0:
        raise HarnessError(f"no kernel for the guest: {done.stderr.strip()}")


def plug_in(namespace, nic):
    """The host's end of a NIC's wire."""
    queues = ["multi_queue"] if nic.queues > 1 else []
    namespace.run("ip", "tuntap", "add", nic.tap, "mode", "tap", "vnet_hdr", *queues)
    namespace.ip("link", "set", nic.tap, "up", "master", nic.bridge)


def machine(kernel, initramfs):
    return ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max,la57=off", "-smp", CPUS, "-m", MEMORY_MB,
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", kernel / "vmlinuz", "-initrd", initramfs, "-append", KERNEL_LINE,
            "-device", "intel-iommu,intremap=on,caching-mode=on",
            "-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap",
            "-device", "virtio-9p-pci,fsdev=host,mount_tag=host"]


def hardware(nic):
    queues = f",queues={nic.queues}" if nic.queues > 1 else ""
    return ["-device", f"pcie-root-port,id=slot{nic.slot},chassis={nic.slot}",
            "-netdev", f"tap,id=wire{nic.slot},ifname={nic.tap},script=no,downscript=no,vhost=off{queues}",
            "-device", f"{nic.model},bus=slot{nic.slot},netdev=wire{nic.slot},mac={nic.mac}"]


def connect(path):
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(10)
    made.connect(str(path))
    return made
