"""tcpdump with a beginning and an end one can rely on, and a small pcap reader."""

import pathlib
import re
import signal
import struct

from .process import HarnessError, Process, wait_until

SAME_REPORTS = 20
PCAP_MICRO, PCAP_NANO = 0xA1B2C3D4, 0xA1B23C4D


class Capture:
    """A running tcpdump. Every packet after construction and before `stop` is in `path`."""

    def __init__(self, namespace, device, name, expression, snap):
        self.path = pathlib.Path(namespace.topology.directory) / f"{name}.pcap"
        command = ["tcpdump", "-n", "-i", device, "-U", "--immediate-mode", "-B", "16384", "--nano", "-s", snap,
                   "-Z", "root", "-w", self.path]
        self._process = Process(f"tcpdump-{name}", command + ([expression] if expression else []),
                                namespace.topology.directory, namespace.full_name)
        self._process.wait_for_output("listening on")
        self._stopped = False
        self._behind = []  # of each report: packets that arrived and are not written

    def stop(self):
        """Ends the capture with everything written; a packet the kernel dropped is an error: numbers recomputed
        from the file would be wrong."""
        if not self._stopped:
            wait_until(self._drained, f"tcpdump to write what arrived for {self.path}")
            self._stopped = True
            self._process.stop(signal.SIGINT)
            dropped = re.search(r"(\d+) packets? dropped by kernel", self._process.text())
            if dropped is None or int(dropped[1]) > 0:
                raise HarnessError(f"{self.path}: {dropped[0] if dropped else self._process.tail()}")
        return self.path

    def _drained(self):
        """tcpdump ends at once on SIGINT, with packets still in its ring: compare what it wrote with what arrived.

        Packets of the moment before the kernel had the filter count as arrived and are never written. They show as a
        difference that stays, while tcpdump, which writes before it waits again, answers report after report.
        """
        reports = self._process.text().count("received by filter")
        self._process.send(signal.SIGUSR1)
        wait_until(lambda: self._process.text().count("received by filter") > reports, "tcpdump's counters")
        written, arrived = re.findall(r"(\d+) packets? captured.*?(\d+) packets? received by filter", self._process.text(), re.S)[-1]
        self._behind.append(int(arrived) - int(written))
        return self._behind[-1] == 0 or (len(self._behind) >= SAME_REPORTS and len(set(self._behind[-SAME_REPORTS:])) == 1)

    def abandon(self):
        if not self._stopped:
            self._stopped = True
            self._process.stop(signal.SIGINT, timeout=2)


def read_pcap(path):
    """Yields (time in seconds, frame bytes, length on the wire) of an Ethernet capture; a torn last record ends it."""
    with open(path, "rb") as file:
        header = file.read(24)
        if len(header) < 24:
            return
        order = "<" if struct.unpack("<I", header[:4])[0] in (PCAP_MICRO, PCAP_NANO) else ">"
        magic = struct.unpack(order + "I", header[:4])[0]
        if magic not in (PCAP_MICRO, PCAP_NANO):
            raise HarnessError(f"{path}: not a pcap file")
        unit = 1e-9 if magic == PCAP_NANO else 1e-6
        record = struct.Struct(order + "IIII")
        while len(head := file.read(16)) == 16:
            seconds, fraction, captured, length = record.unpack(head)
            frame = file.read(captured)
            if len(frame) < captured:
                return
            yield seconds + fraction * unit, frame, length
