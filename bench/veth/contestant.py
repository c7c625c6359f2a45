"""What is measured: something that carries packets between HOME and HOST on a Path."""

import contextlib
import signal

from harness.capture import read_pcap
from harness.process import HarnessError, wait_until

import load
import proof
from path import HOME, HOST, Path

ALL = ("tcp_down", "tcp_up", "small_down", "small_up")
TCP = ("tcp_down", "tcp_up")


class Contestant:
    """`tunnel_port`: the UDP port at `ha` by which its packets are known on the access cable; None: no tunnel.
    `mtu`: of the packets inside. With offloads TCP alone is measured: small packets have nothing to be offloaded."""

    def __init__(self, name, mtu, tunnel_port=None, real_frames=True):
        self.name, self.mtu, self.tunnel_port, self.real_frames = name, mtu, tunnel_port, real_frames
        self.measurements = ALL if real_frames else TCP
        self.path, self.processes = None, []

    def start(self, net):
        """Builds its path and itself; returns when traffic flows and is known to be what it should be."""
        self.path = Path(net, self.name, self.real_frames)
        self.build(self.path)
        wait_until(self.answers, f"{self.name}: HOST answering HOME", timeout=40)
        self.prove()
        self.freeze()

    def build(self, path):
        raise NotImplementedError

    def answers(self):
        return self.path.node.ping(HOST, "-I", HOME).returncode == 0

    def prove(self):
        cables = {"access": self.path.node, "home": self.path.host}
        captures = {cable: end.capture("eth0", f"{self.name}-{cable}", "ip", snap=64) for cable, end in cables.items()}
        load.transfer(self.path)
        frames = {cable: [(frame, length) for _, frame, length in read_pcap(capture.stop())]
                  for cable, capture in captures.items()}
        complaints = proof.complaints(frames["access"], frames["home"], self.tunnel_port, self.real_frames)
        if complaints:
            raise HarnessError(f"{self.name}: {'; '.join(complaints)}")

    @contextlib.contextmanager
    def turn(self):
        """Only during its turn do its processes run: some poll, and would take the others' CPU."""
        self.thaw()
        try:
            wait_until(self.answers, f"{self.name}: HOST answering HOME again")
            yield
        finally:
            self.freeze()

    def freeze(self):
        for process in self.processes:
            process.send(signal.SIGSTOP)

    def thaw(self):
        """Also before the end: what is stopped cannot clean up."""
        for process in self.processes:
            process.send(signal.SIGCONT)

    def close(self):
        """Before its namespaces go: ends what is not a process of theirs, and lets those that are end."""
        self.thaw()

    def measure(self, measurement):
        return getattr(load, measurement)(self.path)
