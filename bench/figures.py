"""Figures that a measurement makes: kept with their spread, written as JSON."""

import json
import pathlib
import platform
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]


class Figures:
    """Named numbers of one run. `build` is the build directory; results go to its bench/."""

    def __init__(self, build):
        self.build, self.rows = build, []

    def add(self, name, values, unit):
        self.rows.append({"name": name, "value": statistics.median(values), "unit": unit,
                          "spread": [min(values), max(values)], "runs": len(values)})

    def write(self, name):
        directory = self.build / "bench"
        directory.mkdir(exist_ok=True)
        about = {"cpu": cpu_model(), "compiler": compiler(self.build), "commit": commit(), "kernel": platform.release()}
        (directory / f"{name}.json").write_text(json.dumps({**about, "figures": self.rows}, indent=1) + "\n")
        return directory

    def table(self):
        width = max(len(row["name"]) for row in self.rows)
        return "\n".join(f"{row['name']:{width}} {row['value']:12.4g} {row['unit']:14} "
                         f"{row['spread'][0]:.4g} … {row['spread'][1]:.4g}" for row in self.rows)


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def compiler(build):
    log = build / "meson-logs" / "meson-log.txt"
    for line in log.read_text().splitlines() if log.exists() else ():
        if line.startswith("C++ compiler for the host machine:"):
            return line.split('"')[1] if '"' in line else line.split(":", 1)[1].strip()
    return "unknown"


def commit():
    done = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "rev-parse", "--short", "HEAD"],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip()
