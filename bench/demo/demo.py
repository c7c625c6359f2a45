#!/usr/bin/python3
"""The UM3N paper's experiment on real packets: its Fig. 4 network, Fig. 5, and the handovers of its §V.

    demo.py [--build DIRECTORY] [--output DIRECTORY]

Needs root and built daemons; writes to demo/ in the build directory. Exit 0: everything in the closing table holds;
1: it says what does not; 2: the demo could not run. docs/demo.md explains each number.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))

import figure
import handover
import network
import recompute
import report
import throughput
from media import FtpServer, encode_clip
from network import DemoNetwork
from progress import Progress

from harness.build import build_directory
from harness.netns import catch_interrupts
from harness.process import HarnessError

DRAWING = """
   mobile node            158.132.10.12, one home address on two uplinks
    |       |
  WiFi   cellular         14.67 Mbit/s, and 3.61 Mbit/s behind NAT
    |       |
  home agent (DPDK)       192.147.23.11 towards the node, 158.132.10.176 towards the servers
    |       |
   FTP    video           158.132.10.177 and .178; policy: the video's server prefers cellular
"""


def steering_packets(node):
    """Packets that the BPF program classified."""
    return node.admin.counters()["bpf.steering_packets"]


def dpdk_driver(system):
    """The driver of the data plane's ports, and only if its XDP program really sits on the devices."""
    drivers = {port["device"].split(",")[0].rstrip("0123456789") for port in system.ha.config["ports"]}
    attached = all("xdp" in system.ha_ns.ip("link", "show", device).stdout for device in ("eth0", "eth1"))
    return ", ".join(sorted(drivers)) if attached else ""


def run_everything(directory, clip, progress):
    """Plays every part and returns (events, what the daemons say)."""
    with DemoNetwork(directory) as net:
        progress.step("starting the home agent and the node")
        net.start()
        net.mn.wait_synchronised()
        for line in net.mn.command("show").stdout.splitlines():
            progress.detail(line)
        ftp_server = FtpServer(net, "vsftpd")
        events = {"runs": {}}
        for run in throughput.RUNS:
            events["runs"][run] = throughput.measure(net, progress, clip, ftp_server, run)
        ftp_server.stop()
        events["handovers"] = handover.run(net, progress, clip)
        status = net.mn.admin.status()
        daemons = {
            "steering": status["steering"], "steering_reason": status.get("steering_reason", ""),
            "bpf_steering_packets": steering_packets(net.mn), "dpdk_driver": dpdk_driver(net),
        }
        progress.step("taking the network down")
    return events, daemons


def evaluate(directory, events, daemons):
    numbers, samples = recompute.recompute(directory)
    runs = [*events["runs"], "handover"]
    results = {
        **numbers, **daemons,
        "application_mbps": {run: window["application_mbps"] for run, window in events["runs"].items()},
        "packets_up": sum(recompute.packets_up(directory, run) for run in runs),
        "pcaps": sorted(path.name for path in directory.glob("*.pcap")),
    }
    results["failures"] = report.failures(results)
    results["holds"] = not results["failures"]
    return results, samples


def play(directory, clip_file, progress):
    reason = network.unmet_needs()
    if reason:
        raise HarnessError(reason)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    print(DRAWING)
    progress.step("encoding the video: 720p, 30 frames/s")
    clip = encode_clip(clip_file)
    events, daemons = run_everything(directory, clip, progress)
    (directory / "events.json").write_text(json.dumps(events, indent=2) + "\n")
    progress.step("computing the numbers from the captures, decoding the video")
    results, samples = evaluate(directory, events, daemons)
    (directory / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    figure.draw(directory / "throughput.png", samples, results, network.PAPER)
    print("\n" + report.table(results) + "\n")
    for sentence in results["failures"]:
        print(f"does not hold: {sentence}")
    print(f"{'everything holds' if results['holds'] else 'NOT everything holds'}; {progress.seconds():.0f} s; "
          f"{directory}/results.json, throughput.png and the captures", flush=True)
    return 0 if results["holds"] else 1


def main():
    parser = argparse.ArgumentParser(description="Plays the UM3N paper's experiment.")
    parser.add_argument("--build", type=pathlib.Path, default=build_directory(), help="where the daemons are built")
    parser.add_argument("--output", type=pathlib.Path, help="for results and captures; is emptied first")
    arguments = parser.parse_args()
    os.environ["HOMEWARD_BUILD"] = str(arguments.build.resolve())
    directory = (arguments.output or arguments.build / "demo").resolve()
    catch_interrupts()
    try:
        return play(directory, directory.parent / "demo-clip.ts", Progress())
    except HarnessError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        print("\ndemo: interrupted; the network is gone", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
