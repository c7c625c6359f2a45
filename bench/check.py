#!/usr/bin/python3
"""Holds what was measured against bench/floors.

    check.py [--build DIRECTORY]

Each file bench/floors/NAME.json lists figures of BUILD/bench/NAME.json with `at_least` or `at_most`, and an `aim` that
only remarks. Exit 0: everything holds; 1: something does not, or was not measured.
"""

import argparse
import json
import pathlib
import sys

FLOORS = pathlib.Path(__file__).resolve().parent / "floors"


def holds(value, limit, key):
    return value >= limit if key == "at_least" else value <= limit


def check(name, build):
    """Rows of (figure, measured, limit, verdict)."""
    path = build / "bench" / f"{name}.json"
    measured = {}
    if path.exists():
        measured = {row["name"]: row["value"] for row in json.loads(path.read_text())["figures"]}
    for floor in json.loads((FLOORS / f"{name}.json").read_text()):
        key = "at_least" if "at_least" in floor else "at_most"
        value = measured.get(floor["name"])
        sign = ">=" if key == "at_least" else "<="
        if value is None:
            verdict = "not measured"
        elif not holds(value, floor[key], key):
            verdict = "FAILS"
        else:
            verdict = "aim" if "aim" in floor and holds(value, floor["aim"], key) else "holds"
        yield floor["name"], value, f"{sign} {floor[key]:g}", verdict


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    build = arguments.parse_args().build
    rows = [row for path in sorted(FLOORS.glob("*.json")) for row in check(path.stem, build)]
    for figure, value, limit, verdict in rows:
        print(f"{figure:52} {'-' if value is None else format(value, '.4g'):>10}  {limit:12} {verdict}")
    broken = sum(row[3] in ("FAILS", "not measured") for row in rows)
    print(f"{len(rows) - broken} floors hold, {broken} do not")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
