#!/usr/bin/python3
"""Side by side over veth: the home agent and other tunnels, each between namespaces of its own, run by run in turn.

    run.py [--build DIRECTORY] [--rounds N] [--only NAME,...]

Writes veth.json and veth_*.png into BUILD/bench. Needs root, 2 GB, and a machine that has nothing else to do: what
others took of its CPUs is among the results (`veth.cpu_taken_by_others`).
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

from dataplanes import Homeward, HomewardNode, Testpmd
from figures import Figures
from others import Others
from peers import Cable, Fastd, Openvpn, Router, Vxlan, WireguardGo
from plots import draw_bars
from ratios import RATIOS, ratio

UNITS = {"tcp_down": "Gbit/s", "tcp_up": "Gbit/s", "small_down": "packets/s", "small_up": "packets/s"}


def contestants():
    """Those that are compared stand side by side. Those named _offload have the kernel's defaults on every device."""
    return [
        Cable("cable"), Router("router"), WireguardGo("wireguard_go"), Homeward("homeward"), Testpmd("testpmd_io"),
        Testpmd("testpmd_io_plain", tunnel=False), Homeward("homeward_poll", idle="poll"),
        Homeward("homeward_checksum", checksum=True), HomewardNode("homeward_mn"),
        HomewardNode("homeward_mn_slow", "off"), Vxlan("vxlan"),
        Fastd("fastd_null", "null"), Fastd("fastd", "salsa2012+umac"), Openvpn("openvpn_none", "none"),
        Openvpn("openvpn", "AES-256-GCM"),
        Cable("cable_offload", False), Router("router_offload", False), Vxlan("vxlan_offload", False),
        WireguardGo("wireguard_go_offload", False),
    ]


class Bench:
    def __init__(self, chosen):
        self.contestants = chosen
        self.values = collections.defaultdict(list)  # (contestant, measurement): one per round
        self.taken = []  # by others, of the CPUs; one per round

    def set_up(self, net):
        for contestant in self.contestants:
            print(f"{contestant.name} …", end=" ", flush=True)
            contestant.start(net)
        print("ready", flush=True)

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
            figures.add(f"veth.{name}.{measurement}", values, UNITS[measurement])
        for name, (measurement, ours, theirs) in RATIOS.items():
            if (ours, measurement) in self.values and (theirs, measurement) in self.values:
                figures.add(f"veth.{name}", ratio(self.values[ours, measurement], self.values[theirs, measurement]), "ratio")
        figures.add("veth.cpu_taken_by_others", self.taken, "share")
        return figures


def draw(bench, directory):
    for file, load, title, real_frames in (("veth_tcp", "tcp", "TCP goodput with real frames, Gbit/s", True),
                                           ("veth_tcp_offload", "tcp", "TCP goodput with offloads, Gbit/s", False),
                                           ("veth_small", "small", "64-byte packets/s", True)):
        names = [contestant.name for contestant in bench.contestants
                 if contestant.real_frames == real_frames and (contestant.name, f"{load}_down") in bench.values]
        series = {way: [bench.values.get((name, f"{load}_{way}"), []) for name in names] for way in ("down", "up")}
        if names:
            draw_bars(directory / f"{file}.png", f"{title}: median and range", names, series)


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
    bench = Bench(choose(options.only))
    with Topology("veth") as net, contextlib.ExitStack() as thawed:
        for contestant in bench.contestants:
            thawed.callback(contestant.thaw)
        bench.set_up(net)
        bench.play(options.rounds)
    figures = bench.figures(build)
    directory = figures.write("veth")
    draw(bench, directory)
    print(figures.table())
    print(f"written: {directory}/veth.json, veth_*.png; `make bench-check` holds it against bench/floors")


if __name__ == "__main__":
    main()
