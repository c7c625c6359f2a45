#!/usr/bin/python3
"""How long a move between uplinks interrupts: Homeward beside kernel MPTCP, wireguard-go and a plain route change, on the
same emulated links.

    run.py [--build DIRECTORY] [--only NAME,...] [--parts NAME,...] [--events N]

Writes handover.json and handover_*.png into BUILD/bench. Needs root; 16 minutes. docs/handover.md says what is measured.
"""

import argparse
import collections
import math
import os
import pathlib
import statistics
import sys
import time

BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCH), str(BENCH.parent / "tests")]

import goodput
from contestants import Homeward, contestants
from figures import Figures
from moves import Stage
from plots import draw_arrivals

PARTS = ("cut", "blackhole", "planned", "goodput")
OURS = {"cut": 50, "blackhole": 50, "planned": 100}  # events in the profile `equal`
OTHERS = {"cut": 10, "blackhole": 5, "planned": 20}
SLOWER = {"planned": 0.4, "blackhole": 0.4}  # of these in the other
OUR_BUDGET_S, THEIR_BUDGET_S = 90, 30  # for the events of one kind; what is not done by then is left out
PROFILES_OF = {part: ("equal", "unequal") for part in OURS}


class Progress:
    """One line that is written over and over on a terminal; only finished parts elsewhere."""

    def __init__(self):
        self.begin = time.monotonic()

    def update(self, text):
        if sys.stdout.isatty():
            print(f"\r\033[K{text}", end="", flush=True)

    def step(self, text):
        print(f"{chr(13) + chr(27) + '[K' if sys.stdout.isatty() else ''}{time.monotonic() - self.begin:5.0f} s  {text}", flush=True)


class Bench:
    def __init__(self, build, parts, events):
        self.figures, self.parts, self.events = Figures(build), parts, events
        self.progress = Progress()
        self.pictures = collections.defaultdict(dict)  # part → contestant → (event, records)

    def play(self, contestant):
        with contestant.network():
            contestant.net.profile("equal")
            contestant.start()
            # Where a flow's uplink is drawn there is no knowing which one to cut.
            for part in () if contestant.spreads else PROFILES_OF:
                for profile in PROFILES_OF[part] if part in self.parts and (part != "planned" or contestant.moves) else ():
                    self._measure(contestant, part, profile)
            if "goodput" in self.parts:
                self._goodput(contestant)

    def _measure(self, contestant, part, profile):
        contestant.net.profile(profile)
        stage = Stage(contestant)
        counts, budget_s = (OURS, OUR_BUDGET_S) if isinstance(contestant, Homeward) else (OTHERS, THEIR_BUDGET_S)
        count = round(counts[part] * (1 if profile == "equal" else SLOWER.get(part, 1)))
        count = min(count, self.events or count)

        def progress(text):
            self.progress.update(f"{contestant.name}, {profile}: {text}")

        if part == "planned":
            outcome = stage.planned(count + count % 2, progress)
        else:
            outcome = stage.interruptions(part, count, budget_s, progress)
        stage.stream.stop()
        self._add(f"handover.{contestant.name}.{profile}.{part}", outcome, contestant.patience)
        self.pictures[f"{part}_{profile}"][contestant.name] = outcome

    def _add(self, name, outcome, patience):
        """An interruption without end counts as one of the patience there was."""
        values = [patience * 1000 if math.isinf(ms) else ms for ms in outcome.interruptions_ms]
        self.figures.add(f"{name}.p50_ms", values, "ms")
        self.figures.add(f"{name}.max_ms", [max(values)], "ms")
        if outcome.stalls_ms:
            self.figures.add(f"{name}.stall_ms", [max(outcome.stalls_ms)], "ms")
        if outcome.accounts:
            for what in ("lost", "duplicates", "reordered"):
                self.figures.add(f"{name}.{what}", [sum(account[what] for account in outcome.accounts.values())], "messages")
            for way, account in outcome.accounts.items():
                self.figures.add(f"{name}.{way}.reordered", [account["reordered"]], "messages")
            self.figures.add(f"{name}.late_ms", [max(account["late_ms"] for account in outcome.accounts.values())], "ms")
        endless = " (no end in sight)" if any(map(math.isinf, outcome.interruptions_ms)) else ""
        stall = f", stalls without an event up to {max(outcome.stalls_ms):.1f} ms" if outcome.stalls_ms else ""
        accounts = ", ".join(f"{way}: {account}" for way, account in outcome.accounts.items())
        self.progress.step(f"{name}: p50 {statistics.median(values):.1f} ms, max {max(values):.1f} ms of {len(values)}{endless}{stall} {accounts}")

    def _goodput(self, contestant):
        for pair in contestant.pairs:
            for way in ("down", "up"):
                name, links = f"handover.{contestant.name}", goodput.PAIRS[pair]
                rates = contestant.carried(pair, way)
                share, gain = sum(rates) / sum(links), sum(rates) / max(links)
                self.figures.add(f"{name}.share.{pair}.{way}", [share], "of the sum")
                self.figures.add(f"{name}.gain.{pair}.{way}", [gain], "of the best link")
                own = ", ".join(f"{mbps / link:.3f}" for mbps, link in zip(rates, links))
                self.progress.step(f"{name}.{pair}.{way}: {share:.4f} of the sum, {gain:.4f} of the best link"
                                   + (f" (of each its own: {own})" if len(rates) > 1 and not contestant.spreads else ""))

    def draw(self, directory):
        for part, outcomes in self.pictures.items():
            panels = {}
            for name, outcome in outcomes.items():
                # The event that stands in the middle of them all.
                order = sorted(range(len(outcome.events)), key=lambda i: outcome.interruptions_ms[i])
                panels[name] = outcome.events[order[len(order) // 2]], outcome.records
            draw_arrivals(directory / f"handover_{part}.png", f"{part.replace('_', ', ')}: messages as they arrive", panels)


def names(text):
    return text.split(",")


def choose(only, build):
    everybody = contestants()
    unknown = set(only) - {contestant.name for contestant in everybody}
    if unknown:
        sys.exit(f"--only: no contestant {', '.join(sorted(unknown))}; there are {', '.join(c.name for c in everybody)}")
    for contestant in everybody:
        if not only or contestant.name in only:
            reason = contestant.unmet_needs(build)
            if reason:
                print(f"{contestant.name} stands aside: {reason}")
            else:
                yield contestant


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    arguments.add_argument("--only", type=names, default=[], help="contestants")
    arguments.add_argument("--parts", type=names, default=list(PARTS), help=f"of {', '.join(PARTS)}")
    arguments.add_argument("--events", type=int, default=0, help="at most so many of each")
    options = arguments.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        sys.exit(f"--parts: no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    build = options.build.resolve()
    os.environ["HOMEWARD_BUILD"] = str(build)
    bench = Bench(build, options.parts, options.events)
    for contestant in list(choose(options.only, build)):
        bench.play(contestant)
    directory = bench.figures.write("handover")
    bench.draw(directory)
    print(bench.figures.table())
    print(f"written: {directory}/handover.json, handover_*.png; `make bench-check` holds it against bench/floors")


if __name__ == "__main__":
    main()
