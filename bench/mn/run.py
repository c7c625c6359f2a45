#!/usr/bin/python3
"""The mobile node beside a bare cable and other tunnels, each between two namespaces of its own, run by run in turn.

    run.py [--build DIRECTORY] [--rounds N] [--only NAME,...]

Writes mn.json and mn_*.png into BUILD/bench. Needs root and a machine that has nothing else to do: what others took of its
CPUs is among the results (`mn.cpu_taken_by_others`).
"""

import argparse
import collections
import contextlib
import os
import pathlib
import sys
import time

BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCH), str(BENCH.parent / "tests")]

from harness.netns import Topology

from contestants import contestants
from figures import Figures
from others import Others
from plots import draw_bars
from ratios import ratio

UNITS = {"tcp_down": "Gbit/s", "tcp_up": "Gbit/s", "small_down": "packets/s", "small_up": "packets/s"}
TCP, SMALL = ("tcp_down", "tcp_up"), ("small_down", "small_up")
PAIRS = [("fast", "bare", TCP + SMALL), ("fast", "vxlan", TCP + SMALL), ("fast", "wireguard_go", TCP + SMALL)]


def ratios():
    """name → (measurement, ours, theirs)"""
    for ours, theirs, loads in PAIRS:
        for end, measured in (("", loads), ("_offload", TCP)):
            for load in measured:
                yield f"{load}.{ours}_to_{theirs}{end}", (load, ours + end, theirs + end)


def play(chosen, rounds):
    """((contestant, measurement) → a value for each round, what others took in each)"""
    values, taken, others = collections.defaultdict(list), [], Others()
    for number in range(rounds):
        begin = time.monotonic()
        # Back and forth, so that nobody is always the one after a certain other.
        for contestant in chosen[::-1 if number % 2 else 1]:
            for measurement in contestant.measurements:
                values[contestant.name, measurement].append(contestant.measure(measurement))
        taken.append(others.share())
        print(f"round {number + 1} of {rounds}: {time.monotonic() - begin:.0f} s, others took {taken[-1]:.0%} of the CPUs", flush=True)
    return values, taken


def tabulate(values, taken, build):
    figures = Figures(build)
    for (name, measurement), column in values.items():
        figures.add(f"mn.{name}.{measurement}", column, UNITS[measurement])
    for name, (measurement, ours, theirs) in ratios():
        # Who carried nothing is in the table with its zero; nothing can be told in proportion to it.
        if (ours, measurement) in values and all(values.get((theirs, measurement), [0])):
            figures.add(f"mn.{name}", ratio(values[ours, measurement], values[theirs, measurement]), "ratio")
    figures.add("mn.cpu_taken_by_others", taken, "share")
    return figures


def draw(chosen, values, directory):
    for file, load, title, real_frames in (("mn_tcp", "tcp", "TCP goodput with real frames, Gbit/s", True),
                                           ("mn_tcp_offload", "tcp", "TCP goodput with offloads, Gbit/s", False),
                                           ("mn_small", "small", "64-byte packets/s", True)):
        names = [contestant.name for contestant in chosen
                 if contestant.real_frames == real_frames and (contestant.name, f"{load}_down") in values]
        if names:
            draw_bars(directory / f"{file}.png", f"{title}: median and range", names,
                      {way: [values.get((name, f"{load}_{way}"), []) for name in names] for way in ("down", "up")})


def choose(only):
    everybody = contestants()
    unknown = set(only) - {contestant.name for contestant in everybody}
    if unknown:
        sys.exit(f"--only: no contestant {', '.join(sorted(unknown))}; there are {', '.join(c.name for c in everybody)}")
    return [contestant for contestant in everybody if not only or contestant.name in only]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--only", type=lambda text: text.split(","), default=[])
    options = arguments.parse_args()
    build = options.build.resolve()
    os.environ["HOMEWARD_BUILD"] = str(build)
    chosen = choose(options.only)
    with Topology("mn") as net, contextlib.ExitStack() as open_ends:
        for contestant in chosen:
            print(f"{contestant.name} …", end=" ", flush=True)
            open_ends.callback(contestant.close)
            contestant.start(net)
        print("ready", flush=True)
        values, taken = play(chosen, options.rounds)
    figures = tabulate(values, taken, build)
    directory = figures.write("mn")
    draw(chosen, values, directory)
    print(figures.table())
    print(f"written: {directory}/mn.json, mn_*.png; `make bench-check` holds it against bench/floors")


if __name__ == "__main__":
    main()
