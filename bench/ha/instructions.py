#!/usr/bin/python3
"""How many instructions a packet takes in the home agent's worker, by callgrind: unlike cycles, the same on every run.

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


def instructions(binary, direction, directory):
    profile = pathlib.Path(directory) / direction
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", "--collect-atstart=no",
               f"--toggle-collect={ENTRY}*", binary, "--ordinary-memory", "--contestants", "homeward", "--directions", direction,
               "--buffers", str(DESCRIPTORS), "--rounds", str(ROUNDS), "--runs", str(RUNS)]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : ([0-9]+)", done.stderr)
    if done.returncode != 0 or collected is None or collected[1] == "0":
        sys.exit(f"callgrind ended with {done.returncode} and counted nothing:\n{done.stderr[-2000:]}")
    return int(collected[1]) / (ROUNDS * (RUNS + 1) * DESCRIPTORS)  # one run warms up


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    binary = arguments.parse_args().build.resolve() / "bench" / "ha" / "bench-ha"
    with tempfile.TemporaryDirectory() as directory:
        counts = {direction: round(instructions(binary, direction, directory), 1) for direction in ("uplink", "downlink")}
    print(json.dumps({"instructions_per_packet": counts}))


if __name__ == "__main__":
    main()
