"""How much of the machine's CPUs processes that are not ours took: a number that says whether a run is worth keeping."""

import os
import pathlib
import time

KERNEL_THREADS = 2  # the parent of all of them: they work for us as for the others
TICKS = os.sysconf("SC_CLK_TCK")


def parse_stat(text):
    """(parent, CPU seconds with those of its reaped children) of one /proc/PID/stat."""
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / TICKS


def seconds_of_others(processes, own):
    """`processes`: pid → (parent, CPU seconds). What all but `own`, its descendants and kernel threads used."""
    ours = {own, KERNEL_THREADS}
    grown = True
    while grown:
        found = {pid for pid, (parent, _) in processes.items() if parent in ours} - ours
        ours |= found
        grown = bool(found)
    return sum(seconds for pid, (_, seconds) in processes.items() if pid not in ours)


def read_processes():
    """pid → (parent, CPU seconds) of everything that runs now."""
    processes = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            processes[int(path.parent.name)] = parse_stat(path.read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return processes


class Others:
    def __init__(self):
        self._last = self._now()

    def share(self):
        """Of all CPUs, 0 to 1, since the last time it was asked."""
        (then, before), self._last = self._last, self._now()
        now, after = self._last
        return max(0.0, (after - before) / (now - then) / os.cpu_count())

    @staticmethod
    def _now():
        return time.monotonic(), seconds_of_others(read_processes(), os.getpid())
