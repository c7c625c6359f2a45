"""A stream between the node and the host, in both directions at once, and what its logs say."""

import pathlib
import time

import numpy
from harness.build import binary
from harness.process import wait_until

RATE = 500  # messages a second, each way
RECORD = numpy.dtype([("number", "i8"), ("sent", "i8"), ("received", "i8")])
PORT = 7000


def read_log(path):
    """Records in the order of arrival; the last may be half written."""
    whole = pathlib.Path(path).stat().st_size // RECORD.itemsize
    return numpy.fromfile(path, RECORD, whole)


def longest_silence_ms(records, start, end):
    """The longest time without an arrival that touches [start, end), seconds of CLOCK_MONOTONIC. What was under way when
    something was cut still arrives: a silence may begin before or after `start`. If nothing arrived any more, it lasted
    until `end` at least."""
    times = records["received"] / 1e9
    first = max(0, numpy.searchsorted(times, start) - 1)
    last = numpy.searchsorted(times, end)
    window = times[first:last + 1]  # to the first arrival after the end
    if last == len(times):
        window = numpy.append(window, end)
    return 1000 * float(numpy.diff(window).max(initial=0.0))


def account(records, start, end):
    """{sent, lost, duplicates, reordered, late_ms} of the messages sent in [start, end). Reordered: arrived after one with
    a higher number; late_ms: by how much at most, in time."""
    records = records[(records["sent"] >= start * 1e9) & (records["sent"] < end * 1e9)]
    if not len(records):
        return {"sent": 0, "lost": 0, "duplicates": 0, "reordered": 0, "late_ms": 0.0}
    numbers = records["number"]
    distinct = numpy.unique(numbers)
    sent = int(distinct[-1] - distinct[0]) + 1
    highest = numpy.maximum.accumulate(numbers)
    overtaken = numbers < highest
    # When the first message with a higher number had arrived: the running maximum steps there.
    steps = numpy.concatenate(([True], numpy.diff(highest) > 0))
    step_numbers, step_times = highest[steps], records["received"][steps]
    overtaken_at = step_times[numpy.searchsorted(step_numbers, numbers[overtaken], side="right")]
    late = (records["received"][overtaken] - overtaken_at) / 1e6
    return {"sent": sent, "lost": sent - len(distinct), "duplicates": len(numbers) - len(distinct),
            "reordered": int(overtaken.sum()), "late_ms": float(late.max(initial=0.0))}


class Stream:
    """`up` is from the node to the host. `bind`: the node's address, any if the kernel shall choose for every datagram."""

    count = 0

    def __init__(self, node, host, address, bind="0.0.0.0", transport="udp"):
        Stream.count += 1
        directory = node.topology.directory
        self.logs = {"up": directory / f"stream-{Stream.count}-up.log", "down": directory / f"stream-{Stream.count}-down.log"}
        program = [binary("bench-handover-stream"), "--transport", transport, "--rate", RATE, "--port", PORT]
        self.host = host.start("stream", [*program, "--log", self.logs["up"]])
        self.host.wait_for_output("ready" if transport == "udp" else "listening")
        self.node = node.start("stream", [*program, "--log", self.logs["down"], "--peer", address, "--bind", bind])
        self.wait_for_messages_after(time.monotonic(), 20)

    def wait_for_messages_after(self, moment, timeout):
        """Until a message that was sent after `moment` has arrived at either end."""
        wait_until(lambda: all(self._newest(log) > moment for log in self.logs.values()), "messages in both directions",
                   timeout, interval=0.01)

    @staticmethod
    def _newest(log):
        size = log.stat().st_size if log.exists() else 0
        if size < RECORD.itemsize:
            return 0.0
        with open(log, "rb") as file:
            file.seek((size // RECORD.itemsize - 1) * RECORD.itemsize)
            return float(numpy.frombuffer(file.read(RECORD.itemsize), RECORD)[0]["sent"]) / 1e9

    def records(self):
        return {way: read_log(log) for way, log in self.logs.items()}

    def stop(self):
        self.node.stop()
        self.host.stop()
        return self.records()
