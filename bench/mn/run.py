#!/usr/bin/python3
"""The mobile node beside a bare cable and other tunnels, each between two namespaces of its own, run by run in turn.

    run.py [--build DIRECTORY] [--rounds N] [--only NAME,...]

Writes mn.json and mn_*.png into BUILD/bench. Needs root and a machine that has nothing else to do: what others took of its
CPUs is among the results (`mn.cpu_taken_by_others`).
"""

import pathlib
import sys

BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCH), str(BENCH / "veth"), str(BENCH.parent / "tests")]

import comparison
from contestants import contestants
from pairs import ratios

if __name__ == "__main__":
    comparison.main("mn", contestants(), ratios())
