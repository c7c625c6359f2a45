#!/usr/bin/python3
"""Repeats the evaluations of the selection papers.

    run.py --build DIRECTORY [--seeds N] [--events N]

Runs BUILD/bench/papers/bench-papers, writes BUILD/papers/report.md, report.html and their plots, and the figures that
have floors to BUILD/bench/papers.json.
"""

import argparse
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import figures
import report
import statements


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    arguments.add_argument("--seeds", type=int, default=60, help="paired repetitions (default 60)")
    arguments.add_argument("--events", type=int, default=200, help="in a long run of 003 (default 200)")
    options = arguments.parse_args()
    target = options.build / "papers"
    target.mkdir(exist_ok=True)
    raw = target / "papers.json"
    subprocess.run([options.build / "bench" / "papers" / "bench-papers", "--seeds", str(options.seeds),
                    "--events", str(options.events), "--out", raw], check=True)
    results = json.loads(raw.read_text())
    kept = figures.Figures(options.build)
    for name, value, unit in statements.floors(results):
        kept.add(name, [value], unit)
    kept.write("papers")
    print(kept.table())
    print(f"\n{report.write(target, results)}")


if __name__ == "__main__":
    main()
