"""A link with a rate, a delay and faults, between two namespaces; conditions may change while it runs.

    link = net.emulated_link(node, "wlan0", router, "wlan", both={"delay_ms": 10, "rate_mbps": 20, "queue_ms": 150})
    link.set(backward={"loss": 0.01})
    link.set(both={"blackhole": True})

What the keys mean is told in link_emulator/conditions.h. The kernel's own netem is a module that not every machine has,
so a process in a namespace between the two carries the frames.
"""

import json
import os

from .process import HarnessError


class EmulatedLink:
    """`forward` is the direction from the first namespace to the second. Conditions that are not named stay as they are."""

    def __init__(self, between, devices, program, seed, conditions):
        self.between, self.devices = between, devices
        theirs, self._orders = os.pipe()
        answers, ours = os.pipe()
        self._answers = os.fdopen(answers)
        self.process = between.start("link", [program, *devices, "--seed", seed, "--conditions", json.dumps(conditions)],
                                     stdin=theirs, stdout=ours)
        os.close(theirs)
        os.close(ours)
        self._answer()

    def set(self, **conditions):
        """both=, forward=, backward=: returns when it was done, in seconds of CLOCK_MONOTONIC."""
        return self._tell(conditions)["at"]

    def play(self, file, interface):
        """Follows a trace (docs/traces.md) from now on; returns when its first row was put in force."""
        return self._tell({"play": {"file": str(file), "interface": interface}})["at"]

    def report(self):
        """{forward, backward: {arrived, delivered, lost, …, late_us: {p50, p99, max}}} since the start."""
        return self._tell({"report": True})

    def cut(self):
        """The first namespace's kernel sees its carrier go."""
        self.between.link_down(self.devices[0])

    def restore(self):
        self.between.link_up(self.devices[0])

    def _tell(self, order):
        os.write(self._orders, json.dumps(order).encode() + b"\n")
        return self._answer()

    def _answer(self):
        line = self._answers.readline()
        if not line:
            raise HarnessError(f"{self.process.name} ended:\n{self.process.tail()}")
        answer = json.loads(line)
        if "error" in answer:
            raise HarnessError(f"{self.process.name}: {answer['error']}")
        return answer

    def close(self):
        """The emulator ends with its standard input."""
        os.close(self._orders)
        self._answers.close()
