#!/usr/bin/python3
"""How many instructions, and loads and stores, a packet takes in the home agent's worker, by callgrind: unlike cycles,
the same on every run.

    instructions.py [--build DIRECTORY]

The counts are of `Pipeline::process`, everything below it included, without the device.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ENTRY = "homeward::pipeline::Pipeline::process("
ROUNDS, RUNS, DESCRIPTORS = 2, 1, 2048


def counts(binary, direction, directory):
    """Of instructions and of loads and stores, a packet."""
    profile = pathlib.Path(directory) / direction
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", "--collect-atstart=no",
               f"--toggle-collect={ENTRY}*", "--cache-sim=yes", binary, "--ordinary-memory", "--contestants", "homeward", "--directions", direction,
               "--buffers", str(DESCRIPTORS), "--rounds", str(ROUNDS), "--runs", str(RUNS)]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : ([0-9]+) ([0-9]+) ([0-9]+)", done.stderr)
    if done.returncode != 0 or collected is None or collected[1] == "0":
        sys.exit(f"callgrind ended with {done.returncode} and counted nothing:\n{done.stderr[-2000:]}")
    instructions, loads, stores = (int(number) for number in collected.groups())
    packets = ROUNDS * (RUNS + 1) * DESCRIPTORS  # one run warms up
    return instructions / packets, (loads + stores) / packets


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    binary = arguments.parse_args().build.resolve() / "bench" / "ha" / "bench-ha"
    with tempfile.TemporaryDirectory() as directory:
        found = {direction: counts(binary, direction, directory) for direction in ("uplink", "downlink")}
    for which, name in enumerate(("instructions_per_packet", "loads_and_stores_per_packet")):
        print(json.dumps({name: {direction: round(both[which], 1) for direction, both in found.items()}}))


if __name__ == "__main__":
    main()
