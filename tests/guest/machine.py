"""A machine emulated by QEMU that runs the programs of this one under Debian's kernel. No KVM.

Nothing is installed in it: it reads this machine's file system over 9p and keeps what it writes in memory.
"""

import json
import pathlib
import shutil
import socket
import subprocess

from harness.process import HarnessError

from .initramfs import write_initramfs

HERE = pathlib.Path(__file__).resolve().parent
CPUS, MEMORY_MB = 4, 2048
PROGRAMS = ("qemu-system-x86_64", "modprobe")
# no_timer_check: a loaded machine may be too slow for it.
KERNEL_LINE = "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off init_on_alloc=0"


def unmet_needs(programs=()):
    """Why there can be no guest here, in one line; empty if there can. `programs`: those that it will run."""
    missing = [program for program in (*PROGRAMS, *programs) if not shutil.which(program)]
    return f"needs {', '.join(missing)}: see the Makefile's lists of packages" if missing else ""


class Console:
    """What the guest printed: its kernel, and daemons that `start` started. QEMU's own words are not among it."""

    def __init__(self, path):
        self.path = path

    def text(self):
        return self.path.read_text(errors="replace")

    def tail(self, lines=40):
        return "\n".join(self.text().splitlines()[-lines:])


class Guest:
    """Boots when made. Logs of its kernel and daemons are in `console`.

    `namespace`: where QEMU runs. `kernel`: a directory for what `get_kernel` unpacks. `hardware`: QEMU's words for more
    devices; `kernel_line`: what more the kernel is told."""

    def __init__(self, namespace, sockets, kernel, hardware=(), kernel_line=""):
        self._shell_path, self._monitor_path = sockets / "shell", sockets / "monitor"
        get_kernel(kernel)
        initramfs = namespace.topology.directory / "initramfs"
        write_initramfs(kernel, initramfs)
        self.console = Console(namespace.topology.directory / "console")
        self.qemu = namespace.start("qemu", [*machine(kernel, initramfs, kernel_line), *hardware, *self._channels()])
        self.qemu.wait_ready(self._shell_path.exists, "making its sockets")
        self._shell = connect(self._shell_path)
        self.run("true", timeout=240)

    def _channels(self):
        return ["-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap",
                "-device", "virtio-9p-pci,fsdev=host,mount_tag=host",
                "-serial", f"file:{self.console.path}", "-device", "virtio-serial-pci",
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

    def ask_qemu(self, command, **arguments):
        """One command of QEMU's machine protocol."""
        with connect(self._monitor_path) as monitor, monitor.makefile("rw") as file:
            for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
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


def machine(kernel, initramfs, kernel_line):
    return ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max,la57=off", "-smp", CPUS, "-m", MEMORY_MB,
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", kernel / "vmlinuz", "-initrd", initramfs, "-append", f"{KERNEL_LINE} {kernel_line}"]


def connect(path):
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(10)
    made.connect(str(path))
    return made
