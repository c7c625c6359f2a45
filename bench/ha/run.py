#!/usr/bin/python3
"""What a packet costs the home agent's worker: runs bench-ha over its scenarios, prints and draws what came out.

    run.py [--build DIRECTORY] [--runs N] [--full]

Writes ha.json, ha_bindings.png and ha_rules.png into BUILD/bench. What a ratio compares is measured by turns, and the
ratio is the median of the turns' ratios: other tenants of the machine come and go within seconds. Needs root (a network
namespace for the TAP twins, and huge pages, which it reserves and gives back), two cores and 2 GB.
"""

import argparse
import collections
import contextlib
import json
import pathlib
import re
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from figures import Figures
from plots import draw_lines

BINDINGS = [1, 1000, 100_000, 1_000_000]
RULES = [10, 1000, 100_000]
POLICIES = 4  # where nodes have several
UPDATES_PER_S = 250_000
TURNS = 3  # the runs of a number are spread over them

HUGE_PAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")
HUGE_PAGES_NEEDED = 160  # of 2 MB


@contextlib.contextmanager
def huge_pages():
    """Huge pages for as long as the bench runs, beside those that others use; yields whether there are enough."""
    before = int(HUGE_PAGES.read_text())
    free = int(re.search(r"HugePages_Free: +([0-9]+)", pathlib.Path("/proc/meminfo").read_text())[1])
    try:
        if free < HUGE_PAGES_NEEDED:
            HUGE_PAGES.write_text(str(before + HUGE_PAGES_NEEDED - free))
        free = int(re.search(r"HugePages_Free: +([0-9]+)", pathlib.Path("/proc/meminfo").read_text())[1])
        if free < HUGE_PAGES_NEEDED:
            print(f"no {HUGE_PAGES_NEEDED} huge pages to be had: all numbers are those of ordinary memory", flush=True)
        yield free >= HUGE_PAGES_NEEDED
    finally:
        HUGE_PAGES.write_text(str(before))


class Bench:
    def __init__(self, build, runs):
        self.binary, self.runs, self.turn = build / "bench" / "ha" / "bench-ha", runs, 0
        self.cycles = collections.defaultdict(list)  # (nodes, rules, policies, direction, packets, checksums, contestant)
        self.ordinary = collections.defaultdict(list)  # the same in ordinary memory: (direction, contestant)
        self.by_turn = collections.defaultdict(list)  # as `cycles` and `ordinary`, with the turn before the key
        self.set_aside = self.rounds = 0
        self.hz = 0

    def play(self, *options, runs=None, count=True):
        """Runs bench-ha and returns its lines; throughput also goes into `cycles` if it counts."""
        command = [str(self.binary), "--runs", str(runs or self.runs), *map(str, options)]
        print("bench-ha", *command[1:], flush=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"bench-ha ended with {done.returncode}:\n{done.stderr}")
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        for line in lines:
            self.rounds += line.get("rounds", 0)
            self.set_aside += line.get("set_aside", 0)
            if line["measurement"] != "throughput" or not count:
                continue
            self.hz = line["hz"]
            if "--ordinary-memory" in options:
                key = line["direction"], line["contestant"]
                self.ordinary[key].append(line["cycles"])
            else:
                key = tuple(line[name] for name in ("nodes", "rules", "policies", "direction", "packets", "checksums",
                                                  "contestant"))
                self.cycles[key].append(line["cycles"])
            self.by_turn[self.turn, *key].append(line["cycles"])
        return lines

    def by_turns(self, *plays):
        """Plays each, `TURNS` times over, with its share of the runs."""
        for self.turn in range(1, TURNS + 1):
            for options in plays:
                self.play(*options, runs=max(1, self.runs // TURNS))
        self.turn = 0

    def ratios(self, upper, lower):
        """Of two keys, turn by turn."""
        return [statistics.median(self.by_turn[turn, *upper]) / statistics.median(self.by_turn[turn, *lower])
                for turn in range(1, TURNS + 1)]

    def median(self, nodes, direction, rules=10, packets="small", checksums="device", contestant="homeward"):
        return statistics.median(self.cycles[nodes, rules, 1, direction, packets, checksums, contestant])


def throughput(bench, full):
    nodes = ",".join(map(str, BINDINGS))
    everything = ("--directions", "uplink,downlink,both") if full else ("--directions", "uplink,downlink")
    bench.by_turns(("--nodes", nodes, *everything),
                   ("--nodes", 1000, "--rules", ",".join(map(str, RULES)), "--directions", "downlink", "--contestants", "homeward"),
                   ("--nodes", 1000, "--rules", f"{RULES[0]},{RULES[-1]}", "--policies", POLICIES, "--directions", "downlink", "--contestants",
                    "homeward"),
                   ("--nodes", 1000, "--ordinary-memory"))
    bench.play("--nodes", 1000, "--packets", "imix", *everything)
    bench.play("--nodes", 1000, "--software-checksums", "--contestants", "homeward")
    if full:
        bench.play("--nodes", nodes, "--rules", ",".join(map(str, RULES)), "--packets", "small,imix", *everything)


def report_throughput(bench, figures):
    for (nodes, rules, policies, direction, packets, checksums, contestant), values in bench.cycles.items():
        name = f"ha.{direction}.{packets}.{nodes}_nodes.{rules}_rules" + (f".{policies}_policies" if policies != 1 else "")
        suffix = "" if checksums == "device" else ".software_checksums"
        figures.add(f"{name}{suffix}.{contestant}_cycles", values, "cycles/packet")
        if contestant == "homeward":
            figures.add(f"{name}{suffix}.homeward_mpps", [bench.hz / value / 1e6 for value in values], "Mpps")
    for (direction, contestant), values in bench.ordinary.items():
        figures.add(f"ha.{direction}.ordinary_memory.{contestant}_cycles", values, "cycles/packet")
    for direction in ("uplink", "downlink"):
        def key(nodes, contestant="homeward", rules=10, direction=direction):
            return nodes, rules, 1, direction, "small", "device", contestant
        figures.add(f"ha.{direction}.ordinary_memory.l3fwd_ratio",
                    bench.ratios((direction, "l3fwd"), (direction, "homeward")), "ratio")
        figures.add(f"ha.{direction}.growth_1k_to_1m", bench.ratios(key(1_000_000), key(1000)), "ratio")
        figures.add(f"ha.{direction}.l3fwd_ratio", bench.ratios(key(1000, "l3fwd"), key(1000)), "ratio")
    figures.add("ha.downlink.growth_10_to_100k_rules", bench.ratios(key(1000, rules=100_000), key(1000)), "ratio")


def latency(bench, figures):
    for direction in ("uplink", "downlink"):
        lines = bench.play("--nodes", 100_000, "--directions", direction, "--contestants", "homeward", "--loads", "0.5,0.9")
        for load in (0.5, 0.9):
            at_load = [line for line in lines if line["measurement"] == "latency" and line["load"] == load]
            name = f"ha.{direction}.latency_{load:.0%}_load".replace("%", "")
            for quantile in ("p50", "p99", "p999"):
                figures.add(f"{name}.{quantile}", [line[f"{quantile}_us"] for line in at_load], "µs")
            figures.add(f"{name}.lost_of_a_million", [1e6 * line["lost"] / (line["sent"] + line["lost"]) for line in at_load], "")


def updates(bench, figures):
    """Handovers while forwarding. The load is a share of the throughput with them: more and more nodes have one uplink
    left, and the other core is at work."""
    options = ("--nodes", 1_000_000, "--directions", "downlink", "--contestants", "homeward", "--loads", "0.9")
    lines = bench.play(*options, "--updates", UPDATES_PER_S, count=False)
    loaded = [line for line in lines if line["measurement"] == "latency"]
    figures.add("ha.updates.cycles", [line["cycles"] for line in lines if line["measurement"] == "throughput"], "cycles/packet")
    figures.add("ha.updates.per_second", [line["updates_per_s"] for line in loaded], "1/s")
    figures.add("ha.updates.packets_lost", [line["lost"] for line in loaded], "")


def installation(bench, figures):
    lines = bench.play("--install", "--nodes", 1_000_000, runs=min(bench.runs, 5))
    figures.add("ha.install_1m.seconds", [line["seconds"] for line in lines], "s")
    figures.add("ha.install_1m.bytes_per_binding", [line["bytes_per_binding"] for line in lines], "B")


def draw(bench, directory):
    lines = {f"{direction}, {who}": [(nodes, bench.median(nodes, direction, contestant=who)) for nodes in BINDINGS]
             for direction in ("uplink", "downlink") for who in ("homeward", "l3fwd", "io")}
    draw_lines(directory / "ha_bindings.png", "Cycles a packet against bindings (64-byte inner packets)", "bindings", lines)
    lines = {"downlink": [(rules, bench.median(1000, "downlink", rules=rules)) for rules in RULES]}
    draw_lines(directory / "ha_rules.png", "Cycles a packet against the policy's rules", "rules", lines)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    arguments.add_argument("--runs", type=int, default=9)
    arguments.add_argument("--full", action="store_true")
    options = arguments.parse_args()
    bench, figures = Bench(options.build.resolve(), options.runs), Figures(options.build.resolve())
    with huge_pages():
        throughput(bench, options.full)
        report_throughput(bench, figures)
        latency(bench, figures)
        updates(bench, figures)
        installation(bench, figures)
    figures.add("ha.rounds_set_aside", [bench.set_aside / (bench.rounds + bench.set_aside)], "share")
    directory = figures.write("ha")
    draw(bench, directory)
    print(figures.table())
    print(f"written: {directory}/ha.json, ha_bindings.png, ha_rules.png; `make bench-check` holds it against bench/floors")


if __name__ == "__main__":
    main()
