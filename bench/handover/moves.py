"""What happens to a contestant: a cut, a blackhole, planned moves; and what that did to its stream."""

import dataclasses
import math
import time

from harness.process import Timeout, wait_until

from stream import account, longest_silence_ms

QUIET_S = 0.12  # before an event and after a recovery: nothing of one shall be seen in the other
SAMPLE_S = 0.05
ENDLESS = math.inf


@dataclasses.dataclass
class Event:
    start: float  # seconds of CLOCK_MONOTONIC
    end: float = 0.0
    quiet_since: float = 0.0  # from here to `start` nothing was done
    endless: bool = False


@dataclasses.dataclass
class Outcome:
    """`interruptions_ms`: of each event, the worse of both directions. `accounts`: what planned moves did to messages.
    `stalls_ms`: longest silences while nothing was done: what the machine adds."""

    events: list
    records: dict
    interruptions_ms: list = dataclasses.field(default_factory=list)
    accounts: dict = dataclasses.field(default_factory=dict)
    stalls_ms: list = dataclasses.field(default_factory=list)


def silences(events, records):
    """Of each event, in milliseconds, the worse of both directions."""
    return [ENDLESS if event.endless else max(longest_silence_ms(way, event.start, event.end) for way in records.values())
            for event in events]


class Stage:
    """A contestant with its stream running, on WLAN."""

    def __init__(self, contestant):
        self.contestant, self.links = contestant, contestant.net.access
        self.stream = contestant.stream()

    def on(self, uplink):
        """Whether `uplink` carries the stream, both ways, and the other link does not."""
        before = self._carried()
        time.sleep(SAMPLE_S)
        grown = {name: [b - a for a, b in zip(before[name], now)] for name, now in self._carried().items()}
        other, = set(grown) - {uplink}
        return all(mine > 5 * theirs and mine > 0 for mine, theirs in zip(grown[uplink], grown[other]))

    def _carried(self):
        return {name: [link.report()[way]["arrived"] for way in ("forward", "backward")] for name, link in self.links.items()}

    def wait_on(self, uplink, timeout=30):
        wait_until(lambda: self.on(uplink), f"{self.contestant.name}: {uplink} carrying the stream", timeout)

    def cut(self):
        self.links["wlan"].cut()
        self.contestant.cut_seen()

    def uncut(self):
        self.links["wlan"].restore()

    def blackhole(self):
        self.links["wlan"].set(both={"blackhole": True})

    def unblackhole(self):
        self.links["wlan"].set(both={"blackhole": False})

    def strike(self, begin, finish):
        """One failure of WLAN, until the stream flows again or patience ends, and the return."""
        self.contestant.back()
        self.wait_on("wlan")
        # A connection may still wait for what the last failure took, while its retransmissions cross WLAN already.
        self.stream.wait_for_messages_after(time.monotonic(), 60)
        quiet_since = time.monotonic()
        time.sleep(QUIET_S)
        event = Event(time.monotonic(), quiet_since=quiet_since)
        begin()
        try:
            self.stream.wait_for_messages_after(time.monotonic(), self.contestant.patience)
            time.sleep(QUIET_S)
        except Timeout:
            event.endless = True
        event.end = time.monotonic()
        finish()
        return event

    def interruptions(self, kind, count, budget_s, progress):
        """`kind`: "cut" or "blackhole". Ends early when `budget_s` is used up, or when the first one had no end."""
        begin, finish = {"cut": (self.cut, self.uncut), "blackhole": (self.blackhole, self.unblackhole)}[kind]
        events, deadline = [], time.monotonic() + budget_s
        while len(events) < count and time.monotonic() < deadline and not (events and events[-1].endless):
            events.append(self.strike(begin, finish))
            progress(f"{kind} {len(events)} of {count}")
        self.contestant.back()
        records = self.stream.records()
        # A tenth of the quiet time is left out: a silence that an event made would reach into it.
        stalls = [longest_silence_ms(way, event.quiet_since, event.start - QUIET_S / 10)
                  for event in events for way in records.values()]
        return Outcome(events, records, silences(events, records), stalls_ms=stalls)

    def shift(self, uplink):
        """One planned move."""
        event = Event(time.monotonic())
        self.contestant.move(uplink)
        try:
            self.wait_on(uplink, self.contestant.patience)
            self.contestant.settle(uplink)
        except Timeout:
            event.endless = True
        event.end = time.monotonic()
        return event

    def planned(self, count, progress):
        """Moves to cellular and back in turn, `count` in all. Ends early with one that does not come to pass."""
        self.contestant.back()
        self.wait_on("wlan")
        begin, events = time.monotonic(), []
        while len(events) < count and not (events and events[-1].endless):
            events.append(self.shift("wlan" if len(events) % 2 else "cellular"))
            progress(f"move {len(events)} of {count}")
        if events[-1].endless:
            self.contestant.move("wlan")
        end = time.monotonic()
        time.sleep(0.5)  # for what is still under way
        records = self.stream.records()
        return Outcome(events, records, silences(events, records), {way: account(kept, begin, end) for way, kept in records.items()})
