"""A network of namespaces that a test makes for itself and that is gone afterwards, however the test ends.

    with Topology("demo") as net:
        a, b = net.namespace("a"), net.namespace("b")
        net.veth(a, "eth0", b, "eth0")
        a.address("eth0", "10.0.0.1/24")

Names are unique on the machine: every namespace is called `hw-<pid of the harness>-<prefix>-<name>`. Inside their
namespaces the interfaces carry plain names. Leftovers of a harness that was killed are removed by the next one, which
knows them by a lock that nobody holds any more (a pid says nothing to a harness in another container).
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time

from .build import binary
from .capture import Capture
from .emulated_link import EmulatedLink
from .process import HarnessError, Process, run, wait_until

# Topologies that exist now; a failing test names their logs.
active = []
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FILE_SERVER = pathlib.Path(__file__).with_name("file_server.py")
OFFLOADS = ["tx", "rx", "sg", "tso", "gso", "gro"]


def unmet_needs(programs=()):
    """Why namespaces cannot be made here, in one line; empty if they can."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    missing = [program for program in ("ip", "tc", "ethtool", "nft", "tcpdump", *programs) if not shutil.which(program)]
    return f"needs {', '.join(missing)}" if missing else ""


class Namespace:
    """One network namespace. Methods that change something raise HarnessError when the command fails."""

    def __init__(self, topology, name, full_name):
        self.topology = topology
        self.name = name
        self.full_name = full_name

    def run(self, *command, **options):
        """Runs a command inside, to its end."""
        return run(["ip", "netns", "exec", self.full_name, *command], **options)

    def start(self, name, command, **options):
        """Starts a supervised process inside; it ends with the topology at the latest."""
        process = Process(f"{self.name}-{name}", command, self.topology.directory, self.full_name, **options)
        self.topology.processes.append(process)
        return process

    def ip(self, *words, **options):
        return run(["ip", "-n", self.full_name, *words], **options)

    def tc(self, *words, **options):
        return run(["tc", "-n", self.full_name, *words], **options)

    def address(self, device, *addresses):
        for address in addresses:
            self.ip("address", "add", address, "dev", device)

    def route(self, *words):
        self.ip("route", "add", *words)

    def link_up(self, device):
        self.ip("link", "set", "dev", device, "up")

    def link_down(self, device):
        self.ip("link", "set", "dev", device, "down")

    def sysctl(self, **values):
        """`net__ipv4__ip_forward=1`: two underscores stand for a dot."""
        for key, value in values.items():
            self.run("sysctl", "-qw", f"{key.replace('__', '.')}={value}")

    def forward(self):
        self.sysctl(net__ipv4__ip_forward=1)

    def rp_filter(self, mode):
        """0 off, 1 strict, 2 loose, on every interface there is and will be."""
        devices = ["all", "default", *self.devices()]
        self.run("sysctl", "-qw", *[f"net/ipv4/conf/{device}/rp_filter={mode}" for device in devices])

    def devices(self):
        listing = self.ip("-o", "link", "show").stdout
        return [re.split(r"[:@]", line)[1].strip() for line in listing.splitlines()]

    def offloads_off(self, device):
        """A DPDK port reads frames as they are: the kernel at its far end must finish checksums and segments first."""
        self.run("ethtool", "-K", device, *[word for feature in OFFLOADS for word in (feature, "off")])

    def shape(self, device, rate_bps, queue_ms=150, burst=3100):
        """TBF on the way out of `device`. `rate_bps` counts whole Ethernet frames without FCS; the queue holds
        `queue_ms` of it, drops from the tail."""
        limit = int(rate_bps / 8 * queue_ms / 1000) + burst
        self.tc("qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{int(rate_bps)}bit", "burst", str(burst),
                "limit", str(limit))

    def masquerade(self, device):
        """NAT (address and port) for what leaves by `device`."""
        self.nft(f"""table ip nat {{
            chain postrouting {{
                type nat hook postrouting priority srcnat
                oifname "{device}" masquerade
            }}
        }}
        """)

    def nft(self, rules):
        self.run("nft", "-f", "-", stdin=rules)

    def capture(self, device, name=None, expression="", snap=0):
        """Starts tcpdump on `device` and returns once it listens."""
        capture = Capture(self, device, name or f"{self.name}-{device}", expression, snap)
        self.topology.captures.append(capture)
        return capture

    def serve_files(self, directory, port, address="0.0.0.0"):
        """Gives out the files of a directory by HTTP; returns when it listens."""
        server = self.start(f"http-{address}-{port}", ["/usr/bin/python3", "-B", FILE_SERVER, address, port, directory])
        server.wait_for_output("ready")
        return server

    def counters(self, device):
        """(rx_bytes, tx_bytes) of a device."""
        for line in self.run("cat", "/proc/net/dev").stdout.splitlines():
            name, colon, numbers = line.partition(":")
            if colon and name.strip() == device:
                fields = numbers.split()
                return int(fields[0]), int(fields[8])
        raise HarnessError(f"{self.full_name} has no device {device}")

    def ping(self, destination, *options, count=1, wait=1):
        return self.run("ping", "-n", "-c", str(count), "-i", "0.2", "-W", str(wait), *options, destination,
                        check=False)

    def pids(self):
        return [int(pid) for pid in run(["ip", "netns", "pids", self.full_name], check=False).stdout.split()]


class Topology(contextlib.AbstractContextManager):
    """Owns namespaces, processes, captures and a directory for logs and configurations.

    The directory is removed after success and kept, and named, after a failure. SIGTERM and SIGHUP clean up like
    Ctrl-C does."""

    def __init__(self, prefix, directory=None, keep=False):
        self.prefix = prefix
        self.keep = keep or directory is not None or bool(os.environ.get("HOMEWARD_KEEP"))
        self.directory = pathlib.Path(directory) if directory else None
        self.namespaces = {}
        self.processes = []
        self.captures = []
        self.links = []
        self._handlers = {}

    def __enter__(self):
        reason = unmet_needs()
        if reason:
            raise HarnessError(reason)
        remove_leftovers()
        _hold_lock()
        self._handlers = catch_interrupts()
        if self.directory is None:
            self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"homeward-{os.getpid()}-{self.prefix}-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        active.append(self)
        return self

    def __exit__(self, kind, error, trace):
        # Nothing may interrupt the clean-up, a second Ctrl-C included.
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in INTERRUPTS:
            signal.signal(number, signal.SIG_IGN)
        failed = kind is not None and not issubclass(kind, (KeyboardInterrupt, SystemExit))
        try:
            if failed:
                self.explain()
            self._end()
        finally:
            active.remove(self)
            if not active:
                _release_lock()
            if not failed and not self.keep:
                shutil.rmtree(self.directory, ignore_errors=True)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
        return None

    def explain(self, lines=25):
        """Last words of every process, for the reader of a failed test."""
        print(f"\n--- logs, configurations and captures are in {self.directory}", file=sys.stderr)
        for process in self.processes:
            state = "running" if process.running() else f"ended with {process.returncode}"
            print(f"--- {process.name} ({state})\n{process.tail(lines)}", file=sys.stderr)

    def _end(self):
        for capture in self.captures:
            capture.abandon()
        for link in self.links:
            link.close()
        for process in reversed(self.processes):
            process.send(signal.SIGTERM)
        deadline = time.monotonic() + 3
        for process in reversed(self.processes):
            process.stop(timeout=max(0.05, deadline - time.monotonic()))
        for namespace in self.namespaces.values():
            remove_namespace(namespace.full_name)

    def namespace(self, name, ipv6=False):
        """A new namespace with `lo` up; IPv6 is off unless asked for, to keep captures quiet."""
        full_name = f"hw-{os.getpid()}-{self.prefix}-{name}"
        run(["ip", "netns", "add", full_name])
        namespace = self.namespaces[name] = Namespace(self, name, full_name)
        if not ipv6:
            namespace.sysctl(net__ipv6__conf__all__disable_ipv6=1, net__ipv6__conf__default__disable_ipv6=1)
        namespace.link_up("lo")
        return namespace

    def veth(self, first, first_device, second, second_device, mtu=1500, index=None):
        """A cable between two namespaces, both ends up. `index`: of the first device. The kernel tells of a carrier that
        goes at once only if the devices at both ends have different indices; else it tells once a second."""
        chosen = ["index", index] if index else []
        run(["ip", "link", "add", *chosen, "name", first_device, "mtu", mtu, "netns", first.full_name, "type", "veth",
             "peer", "name", second_device, "mtu", mtu, "netns", second.full_name])
        first.link_up(first_device)
        second.link_up(second_device)

    def emulated_link(self, first, first_device, second, second_device, mtu=1500, seed=1, **conditions):
        """A cable with conditions: both=, forward= (first → second), backward=. Devices at its ends have no offloads:
        frames on it are real ones."""
        between = self.namespace(f"{first.name}-{second.name}")
        self.veth(between, "first", first, first_device, mtu, index=1001)
        self.veth(between, "second", second, second_device, mtu, index=1002)
        for namespace, device in ((first, first_device), (between, "first"), (between, "second"), (second, second_device)):
            namespace.offloads_off(device)
        link = EmulatedLink(between, ("first", "second"), binary("link-emulator"), seed, conditions)
        self.links.append(link)
        return link

    def bridge(self, namespace, device, ports):
        """A switch inside a namespace."""
        namespace.ip("link", "add", device, "type", "bridge", "forward_delay", "0")
        namespace.link_up(device)
        for port in ports:
            namespace.ip("link", "set", port, "master", device)


def catch_interrupts():
    """Turns Ctrl-C, SIGTERM and SIGHUP into an exception that is not lost; returns the handlers there were."""
    return {number: signal.signal(number, interrupted) for number in INTERRUPTS}


def interrupted(number, _frame):
    """Raises, and again until somebody cleans up: an exception raised in a callback (a fork hook, a destructor) is
    printed and forgotten by the interpreter."""
    signal.signal(signal.SIGALRM, lambda *_: interrupted(number, None))
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def remove_namespace(full_name):
    """Ends the processes inside, those of nobody's supervision too (a server's children), then the namespace."""

    def empty():
        pids = [int(pid) for pid in run(["ip", "netns", "pids", full_name], check=False).stdout.split()]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

    with contextlib.suppress(HarnessError):
        wait_until(empty, f"processes in {full_name} to end", timeout=5)
    run(["ip", "netns", "delete", full_name], check=False)


def _lock_path(pid):
    return pathlib.Path(f"/run/hw-{pid}.lock")


_lock = None


def _hold_lock():
    """One per process, held while it has topologies."""
    global _lock
    path = _lock_path(os.getpid())
    while _lock is None:
        lock = open(path, "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Between the two, a cleaning harness may have taken the file for a leftover.
        if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
            _lock = lock


def _release_lock():
    global _lock
    _lock_path(os.getpid()).unlink(missing_ok=True)
    _lock.close()
    _lock = None


def remove_leftovers():
    """Removes the namespaces of harnesses that are no longer alive, and their directories."""
    for path in pathlib.Path("/run").glob("hw-*.lock"):
        with contextlib.suppress(FileNotFoundError), open(path) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            _remove_all_of(path.stem.removeprefix("hw-"))
            path.unlink(missing_ok=True)


def _remove_all_of(pid):
    for line in run(["ip", "netns", "list"], check=False).stdout.splitlines():
        if line.startswith(f"hw-{pid}-"):
            remove_namespace(line.split()[0])
    for directory in pathlib.Path(tempfile.gettempdir()).glob(f"homeward-{pid}-*"):
        shutil.rmtree(directory, ignore_errors=True)
