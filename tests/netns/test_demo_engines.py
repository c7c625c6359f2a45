"""The comparison of selection engines, with one engine on a short walk. Its network is drawn in bench/demo/engines.py."""

import json
import pathlib
import subprocess

from harness.build import build_directory

ENGINES = pathlib.Path(__file__).resolve().parents[2] / "bench" / "demo" / "engines.py"


def test_an_engine_walks_and_the_numbers_are_there(tmp_path):
    results = tmp_path / "results.json"
    demo = subprocess.run(["/usr/bin/python3", "-B", ENGINES, "--build", build_directory(), "--engines", "strongest",
                           "--seconds", "14", "--json", results], capture_output=True, text=True, timeout=200)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    (strongest,) = json.loads(results.read_text())
    assert strongest["engine"] == "strongest"
    assert strongest["handovers"] >= 1, "the walk's far end is the cellular network's"
    assert 0 < strongest["offloaded"] < 1
    assert strongest["goodput_mbps"] > 0.2 and strongest["energy_j"] > 1
    assert "strongest" in demo.stdout and "gap ms" in demo.stdout


def test_an_unknown_engine_is_named(tmp_path):
    demo = subprocess.run(["/usr/bin/python3", "-B", ENGINES, "--build", build_directory(), "--engines", "best"],
                          capture_output=True, text=True, timeout=200)
    assert demo.returncode == 2
    assert "best" in demo.stderr
