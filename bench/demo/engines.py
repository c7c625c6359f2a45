#!/usr/bin/python3
"""Selection engines on the same walk, with real traffic: the engine in the node moves it, and the home agent follows.

    engines.py [--build DIRECTORY] [--engines A,B,…] [--seconds N] [--json FILE]

    mn ──wlan0── ap ── core ── ha ── lan ── video, ftp
     └─rmnet0── cell (NAT) ──┘

The walk (walk.py) goes away from the access point and back. Its signal and its positions are replayed to the node, and
the WiFi's rate follows it once a second, both ways. A download takes what there is, numbered datagrams beside it
tell what is lost and for how long nothing came. Needs root and built daemons. Exit 0: every engine carried traffic all the way; 1: one
did not; 2: it could not run. docs/demo.md explains the columns.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))

import walk as walks
from network import QUEUE_MS, frame_rate_bps
from progress import Progress

from harness.build import build_directory
from harness.flow import UdpFlow
from harness.homeward import FTP_SERVER, HOME_ADDRESS, HomewardSystem, unmet_needs as system_needs
from harness.netns import catch_interrupts, unmet_needs as namespace_needs
from harness.process import HarnessError, wait_until

ENGINES = ["static", "strongest", "heuristic", "handover", "closed-loop", "pmp", "hybrid"]
KNOWN = [*ENGINES, "conventional", "ladder", "manual"]  # those that choose by flows find none here
LEAST_MBPS = 0.05  # an unusable WiFi still has a rate, or its queue would never empty
SAMPLE_S = 0.5
PORT = 8080
FLOW_RATE = 50

# active W, tail W, tail s, idle W, J to wake: AT&T ARO's "Aria" WLAN and LTE, as mn-agent/selection/radio_profile.h
RADIOS = {"wlan": (0.536, 0.536, 0.25, 0.09, 0.0), "cellular": (1.2, 1.06, 10.0, 0.02, 0.315)}


class EngineNetwork(HomewardSystem):
    """The demo's network, where the WiFi's rate follows the walk."""

    def __init__(self, directory):
        super().__init__("engines", nat_cellular=True, directory=directory)

    def _build(self):
        super()._build()
        for device in ("radio", "core"):
            self.cell.shape(device, frame_rate_bps(walks.CELLULAR_MBPS), QUEUE_MS)
        self.wifi(walks.WIFI_MBPS)
        self.mn.config["handover"] = {"hold_down": "500 ms"}
        self.mn.write_policy({"default": ["wlan", "cellular"]})

    def wifi(self, mbps):
        for device in ("wlan", "core"):
            self.ap.shape(device, frame_rate_bps(max(mbps, LEAST_MBPS)), QUEUE_MS)


def joules(samples, name):
    """Energy of one radio that is active in every sample in which bytes went."""
    active_w, tail_w, tail_s, idle_w, wake_j = RADIOS[name]
    total, silent = 0.0, float("inf")
    for sample in samples:
        span, busy = sample["span_s"], sample[name] > 2_000  # keepalives and probes keep no radio busy
        if busy:
            total += active_w * span + (wake_j if silent > tail_s else 0.0)
            silent = 0.0
        else:
            tail = min(max(tail_s - silent, 0.0), span)
            total += tail_w * tail + idle_w * (span - tail)
            silent += span
    return total


class Run:
    """One engine on the walk."""

    def __init__(self, network, engine, walk, trace_file):
        self.network, self.engine, self.walk = network, engine, walk
        config = network.mn.config
        config["signal"] = {"source": "replay", "trace": str(trace_file), "interval": "200 ms"}
        config["position"] = {"replay": str(trace_file)}
        config["engine"] = {"use": engine, "interval": "500 ms", "site": walks.site(),
                            "links": {"wlan": {"cost_per_mb": 0}, "cellular": {"cost_per_mb": walks.CELLULAR_COST}},
                            "pmp": {"learn_online": True, "period": "2 s", "accuracy_m": 30}}
        network.wifi(walk[0]["wifi_mbps"])
        network.mn.start()
        network.mn.wait_synchronised()

    def _traffic(self):
        uplinks = self.network.mn.admin.uplinks()
        return {name: uplinks[name]["rx_bytes"] + uplinks[name]["tx_bytes"] for name in ("wlan", "cellular")}

    def _sample(self, samples, stop):
        before, at = self._traffic(), time.monotonic()
        while not stop.wait(SAMPLE_S):
            now, then = self._traffic(), time.monotonic()
            samples.append({"span_s": then - at, **{name: now[name] - before[name] for name in now}})
            before, at = now, then

    def play(self, progress):
        network, samples, stop = self.network, [], threading.Event()
        flow = UdpFlow(network.ftp, network.mn_ns, HOME_ADDRESS, 6100, FLOW_RATE)
        download = network.mn_ns.start(f"curl-{self.engine}", ["sh", "-c",
                                       f"while :; do curl -s -o /dev/null http://{FTP_SERVER}:{PORT}/file || sleep 0.2; done"])
        wait_until(lambda: flow.arrived() >= 10, "the first datagrams")
        sampler = threading.Thread(target=self._sample, args=(samples, stop))
        sampler.start()
        try:
            start = time.monotonic()
            for step in self.walk:
                time.sleep(max(0.0, start + step["t"] - time.monotonic()))
                network.wifi(step["wifi_mbps"])
                progress.update(f"{self.engine}: {step['t']:3d} s, {step['metres']:4.0f} m, {step['rssi_dbm']:5.0f} dBm")
            time.sleep(1)
        finally:
            stop.set()
            sampler.join()
        download.stop()
        return self._result(samples, flow.stop())

    def _result(self, samples, flow):
        seen = self.network.mn.admin.get("/v1/engine")
        seconds = sum(sample["span_s"] for sample in samples)
        carried = {name: sum(sample[name] for sample in samples) for name in ("wlan", "cellular")}
        handovers = [change for change in seen["recent"] if change["from"] and change["from"] != change["to"]]
        return {"engine": self.engine,
                "goodput_mbps": sum(carried.values()) * 8 / seconds / 1e6,
                "handovers": len(handovers),
                "lost": len(flow["missing"]), "sent": flow["sent"], "longest_gap_ms": flow["gap_ms"],
                "offloaded": carried["wlan"] / max(sum(carried.values()), 1),
                "energy_j": sum(joules(samples, name) for name in RADIOS),
                "cost": carried["cellular"] / 1e6 * walks.CELLULAR_COST,
                "decision_p99_us": seen["decision_p99_us"],
                "changes": [{"from": change["from"], "to": change["to"], "reason": change["reason"]} for change in handovers]}


def table(results):
    rows = [f"{'engine':<12} {'Mbit/s':>7} {'moves':>6} {'lost':>6} {'gap ms':>7} {'WiFi %':>7} {'J':>7} {'cost':>6} {'p99 us':>7}"]
    for r in results:
        rows.append(f"{r['engine']:<12} {r['goodput_mbps']:7.2f} {r['handovers']:6d} {100 * r['lost'] / r['sent']:5.1f}% {r['longest_gap_ms']:7.0f} "
                    f"{100 * r['offloaded']:7.0f} {r['energy_j']:7.1f} {r['cost']:6.2f} {r['decision_p99_us']:7.0f}")
    return "\n".join(rows)


def compare(engines, seconds, progress):
    walk, results = walks.steps(seconds), []
    with tempfile.TemporaryDirectory(prefix="homeward-engines-") as name, EngineNetwork(None) as network:
        directory = pathlib.Path(name)
        trace_file = directory / "walk.csv"
        trace_file.write_text(walks.trace(walk))
        with open(directory / "file", "wb") as file:
            file.truncate(1 << 28)
        progress.step(f"starting the home agent; a walk of {seconds} s for each of {len(engines)} engines")
        network.ha.admit(network.mn)
        network.ha.start()
        network.ftp.serve_files(directory, PORT)
        for engine in engines:
            run = Run(network, engine, walk, trace_file)
            try:
                results.append(run.play(progress))
            finally:
                network.mn.process.stop()
            last = results[-1]
            progress.step(f"{engine}: {last['goodput_mbps']:.2f} Mbit/s, {last['handovers']} handovers, {last['lost']} of {last['sent']} lost")
    return results


def main():
    parser = argparse.ArgumentParser(description="Compares selection engines on one walk, with real traffic.")
    parser.add_argument("--build", type=pathlib.Path, default=build_directory(), help="where the daemons are built")
    parser.add_argument("--engines", default=",".join(ENGINES), help="which, by comma")
    parser.add_argument("--seconds", type=int, default=30, help="of the walk")
    parser.add_argument("--json", type=pathlib.Path, help="results as JSON into this file, beside the table")
    arguments = parser.parse_args()
    os.environ["HOMEWARD_BUILD"] = str(arguments.build.resolve())
    catch_interrupts()
    try:
        reason = namespace_needs(["curl"]) or system_needs()
        if reason:
            raise HarnessError(reason)
        engines = arguments.engines.split(",")
        if unknown := [engine for engine in engines if engine not in KNOWN]:
            raise HarnessError(f"no engine is called {', '.join(unknown)}; there are {', '.join(KNOWN)}")
        results = compare(engines, arguments.seconds, Progress())
    except HarnessError as error:
        print(f"engines: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nengines: interrupted; the network is gone", file=sys.stderr)
        return 130
    print("\n" + table(results) + "\n", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    silent = [r["engine"] for r in results if r["goodput_mbps"] < 0.2 or r["lost"] == r["sent"]]
    for engine in silent:
        print(f"does not hold: {engine} carried next to nothing")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
