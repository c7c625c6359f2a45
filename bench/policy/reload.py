#!/usr/bin/python3
"""How fast a policy of 100,000 rules takes hold at both ends under traffic, and how fast a one-rule change does.

    reload.py [--build DIRECTORY] [--rules N] [--runs N]

    mn ──wlan0 (14.67 Mbit/s)── ap ── core ──── ha ── lan ── ftp   numbered UDP both ways, while the policy changes
     └─rmnet0 (3.61 Mbit/s)── cell (NAT) ──┘ └─ 25 ms each way

Writes policy_reload.json beside the other results in BUILD/bench. Exit 1: a floor does not hold. Needs root.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from harness.flow import UdpFlow
from harness.build import build_directory
from harness.homeward import FTP_SERVER, HOME_ADDRESS, HomewardSystem
from harness.process import wait_until

WLAN_BPS, CELLULAR_BPS = 14.67e6, 3.61e6
DELAY_MS = 25  # one way, as LTE has it; without it a round trip would be a fraction of a millisecond
FLOW_RATE = 200  # datagrams per second each way
NODE_LIMIT_S = 1.0
ROUND_TRIPS_LIMIT = 2  # of one rule's change


def write_rules(node, count, changed):
    """`count` host rules; rule 7 prefers one uplink or the other."""
    with node.policy_file.open("w") as out:
        out.write("default: [wlan, cellular]\nrules:\n")
        for n in range(count):
            uplinks = "[wlan, cellular]" if n == 7 and changed else "[cellular, wlan]"
            out.write(f"  - {{correspondent: 10.{128 + (n >> 16)}.{n >> 8 & 255}.{n & 255}, prefer: {uplinks}}}\n")


def encoded_bytes(count):
    """docs/policy-sync.md: format, default of two, count; 8 bytes for a host rule with two uplinks."""
    return 1 + 3 + 4 + 8 * count


def round_trip_s(net):
    text = net.mn_ns.run("ping", "-c", "10", "-i", "0.05", FTP_SERVER).stdout
    return float(text.rsplit("= ", 1)[1].split("/")[1]) / 1000


def measure(net):
    """Reloads, and returns (seconds until in force at the node, at the home agent too, requests that took)."""
    requests = net.mn.admin.counters()["registration.requests_sent"]
    started = time.monotonic()
    net.mn.reload()
    node_s = time.monotonic() - started
    digest = net.mn.admin.get("/v1/policy")["generation"]["digest"]

    def at_home():
        (binding,) = net.ha.admin.get("/v1/bindings")["bindings"]
        return binding["policy"]["digest"] == digest

    wait_until(at_home, "the home agent to have the table", 60, 0.002)
    home_s = time.monotonic() - started - node_s
    return node_s, home_s, net.mn.admin.counters()["registration.requests_sent"] - requests


def run(rules):
    with HomewardSystem("reload", delay_ms=DELAY_MS) as net:
        for router, device, rate in ((net.ap, "wlan", WLAN_BPS), (net.cell, "radio", CELLULAR_BPS)):
            router.shape(device, rate)
            net.mn_ns.shape("wlan0" if device == "wlan" else "rmnet0", rate)
        net.start()
        rtt_s = round_trip_s(net)
        up = UdpFlow(net.mn_ns, net.ftp, FTP_SERVER, 6400, FLOW_RATE)
        down = UdpFlow(net.ftp, net.mn_ns, HOME_ADDRESS, 6401, FLOW_RATE)
        wait_until(lambda: min(up.arrived(), down.arrived()) >= 50, "traffic in both directions", 10)
        write_rules(net.mn, rules, False)
        full = measure(net)
        write_rules(net.mn, rules, True)
        change = measure(net)
        lost = sum(len(flow.stop()["missing"]) for flow in (up, down))
    limit = encoded_bytes(rules) * 8 / (WLAN_BPS / 2) + 3 * rtt_s
    return {"node_s": full[0], "home_agent_s": full[1], "home_agent_limit_s": limit, "requests": full[2],
            "one_rule_node_s": change[0], "one_rule_home_agent_s": change[1], "one_rule_requests": change[2],
            "round_trip_s": rtt_s, "packets_lost": lost}


def figure(results, key, unit):
    values = [result[key] for result in results]
    return {"name": f"policy_reload.{key}", "value": statistics.median(values), "unit": unit,
            "spread": [min(values), max(values)]}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--build", type=pathlib.Path, default=build_directory())
    arguments.add_argument("--rules", type=int, default=100_000)
    arguments.add_argument("--runs", type=int, default=3)
    options = arguments.parse_args()
    os.environ["HOMEWARD_BUILD"] = str(options.build.resolve())
    results = []
    for number in range(options.runs):
        print(f"run {number + 1} of {options.runs}: {options.rules} rules under traffic", flush=True)
        results.append(run(options.rules))
    figures = [figure(results, key, "s") for key in
               ("node_s", "home_agent_s", "home_agent_limit_s", "one_rule_node_s", "one_rule_home_agent_s", "round_trip_s")]
    figures += [figure(results, key, "") for key in ("requests", "one_rule_requests", "packets_lost")]
    for row in figures:
        print(f"{row['name']:40} {row['value']:10.4g} {row['unit']:2}  {row['spread'][0]:.4g} … {row['spread'][1]:.4g}")
    out = options.build / "bench" / "policy_reload.json"
    out.parent.mkdir(exist_ok=True)
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    out.write_text(json.dumps({"commit": commit.stdout.strip(), "rules": options.rules, "figures": figures}, indent=1))
    median = {row["name"].split(".")[1]: row["value"] for row in figures}
    broken = [text for text, good in (
        (f"in force at the node within {NODE_LIMIT_S} s", median["node_s"] <= NODE_LIMIT_S),
        ("in force at the home agent within size / (rate / 2) + 3 RTT", median["home_agent_s"] <= median["home_agent_limit_s"]),
        (f"one rule's change at the home agent within {ROUND_TRIPS_LIMIT} round trips",
         median["one_rule_home_agent_s"] <= ROUND_TRIPS_LIMIT * median["round_trip_s"]),
        ("no packet lost", max(result["packets_lost"] for result in results) == 0)) if not good]
    for text in broken:
        print(f"does not hold: {text}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
