"""Contestants side by side: measured run by run in turn, held against each other round by round.

A benchmark makes one of its contestants (contestant.py) and of `ratios`: name → (measurement, ours, theirs).
"""

import argparse
import collections
import contextlib
import os
import pathlib
import sys
import time

from harness.netns import Topology

from figures import Figures
from others import Others
from plots import draw_bars
from ratios import ratio

UNITS = {"tcp_down": "Gbit/s", "tcp_up": "Gbit/s", "small_down": "packets/s", "small_up": "packets/s"}
DRAWINGS = [("tcp", "tcp", "TCP goodput with real frames, Gbit/s", True),
            ("tcp_offload", "tcp", "TCP goodput with offloads, Gbit/s", False),
            ("small", "small", "64-byte packets/s", True)]


class Comparison:
    """`name`: of its figures, its files and its namespaces."""

    def __init__(self, name, contestants, ratios):
        self.name, self.contestants, self.ratios = name, contestants, ratios
        self.values = collections.defaultdict(list)  # (contestant, measurement): one per round
        self.taken = []  # by others, of the CPUs; one per round

    def run(self, rounds, build):
        """Everything from the namespaces to the files in `build`/bench."""
        with Topology(self.name) as net, contextlib.ExitStack() as ends:
            for contestant in self.contestants:
                print(f"{contestant.name} …", end=" ", flush=True)
                ends.callback(contestant.close)
                contestant.start(net)
            print("ready", flush=True)
            self.play(rounds)
        figures = self.figures(build)
        directory = figures.write(self.name)
        print(figures.table(), flush=True)
        self.draw(directory)
        print(f"written: {directory}/{self.name}.json, {self.name}_*.png; `make bench-check` holds it against bench/floors")

    def play(self, rounds):
        others = Others()
        for number in range(rounds):
            begin = time.monotonic()
            # Back and forth, so that nobody is always the one after a certain other.
            for contestant in self.contestants[::-1 if number % 2 else 1]:
                with contestant.turn():
                    for measurement in contestant.measurements:
                        self.values[contestant.name, measurement].append(contestant.measure(measurement))
            self.taken.append(others.share())
            print(f"round {number + 1} of {rounds}: {time.monotonic() - begin:.0f} s, others took {self.taken[-1]:.0%} of the CPUs",
                  flush=True)

    def figures(self, build):
        figures = Figures(build)
        for (name, measurement), values in self.values.items():
            figures.add(f"{self.name}.{name}.{measurement}", values, UNITS[measurement])
        for name, (measurement, ours, theirs) in self.ratios.items():
            # Who carried nothing is in the table with its zero; nothing can be told in proportion to it.
            if (ours, measurement) in self.values and all(self.values.get((theirs, measurement), [0])):
                figures.add(f"{self.name}.{name}", ratio(self.values[ours, measurement], self.values[theirs, measurement]), "ratio")
        figures.add(f"{self.name}.cpu_taken_by_others", self.taken, "share")
        return figures

    def draw(self, directory):
        for file, load, title, real_frames in DRAWINGS:
            names = [contestant.name for contestant in self.contestants
                     if contestant.real_frames == real_frames and (contestant.name, f"{load}_down") in self.values]
            series = {way: [self.values.get((name, f"{load}_{way}"), []) for name in names] for way in ("down", "up")}
            if names:
                draw_bars(directory / f"{self.name}_{file}.png", f"{title}: median and range", names, series)


def choose(everybody, only):
    unknown = set(only) - {contestant.name for contestant in everybody}
    if unknown:
        sys.exit(f"--only: no contestant {', '.join(sorted(unknown))}; there are {', '.join(c.name for c in everybody)}")
    return [contestant for contestant in everybody if not only or contestant.name in only]


def main(name, contestants, ratios):
    """The command line of a benchmark: [--build DIRECTORY] [--rounds N] [--only NAME,...]"""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--only", type=lambda text: text.split(","), default=[])
    options = arguments.parse_args()
    build = options.build.resolve()
    os.environ["HOMEWARD_BUILD"] = str(build)
    Comparison(name, choose(contestants, options.only), ratios).run(options.rounds, build)
