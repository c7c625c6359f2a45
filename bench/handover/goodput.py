"""TCP over both uplinks at once, many flows, against what the links can carry.

Goodput of a link is what full frames hold: its emulated rate counts whole frames. By ports a rule sends half of the flows,
told by the correspondent's, over each uplink; a contestant that spreads has many flows and places them itself."""

import json
import pathlib

from harness.homeward import HOME_ADDRESS
from harness.process import HarnessError

from network import HOST, QUEUE_MS

PAIRS = {"14.67+3.61": (14.67, 3.61), "80+20": (80, 20), "100+100": (100, 100)}
DELAY_MS = {"wlan": 5, "cellular": 40}  # a way
PORTS = {"wlan": 5201, "cellular": 5202}
FLOWS = 4  # to each port
WARM_UP_S, SECONDS = 4, 6
TUNNEL, MTU = 32, 1500
PAYLOAD = MTU - TUNNEL - 20 - 20 - 12  # inner IPv4, TCP, its timestamps
FRAME = MTU + 14

BULK_FLOWS = pathlib.Path(__file__).with_name("bulk_flows.py")

BY_PORT = {"default": ["wlan", "cellular"], "rules": [
    {"name": name, "correspondent": f"{HOST}/32", "protocol": "tcp", "ports": str(PORTS[name]), "prefer": [name, other]}
    for name, other in (("wlan", "cellular"), ("cellular", "wlan"))]}


def set_rates(network, pair):
    for uplink, mbps in zip(("wlan", "cellular"), PAIRS[pair], strict=True):
        network.access[uplink].set(both={"rate_mbps": mbps * FRAME / PAYLOAD, "delay_ms": DELAY_MS[uplink], "queue_ms": QUEUE_MS})


def carried(network, pair, way, flows=FLOWS):
    """Mbit/s of the flows to each port, WLAN's first."""
    set_rates(network, pair)
    servers, clients = [], []
    try:
        for port in PORTS.values():
            server = network.ftp.start(f"iperf3-{port}", ["iperf3", "--forceflush", "--server", "--one-off", "--port", port])
            servers.append(server)
            server.wait_for_output("Server listening")
        for name, port in PORTS.items():
            clients.append(network.mn_ns.start(f"iperf3-client-{name}", [
                "iperf3", "--json", "--client", HOST, "--bind", HOME_ADDRESS, "--port", port, "--parallel", flows,
                "--omit", WARM_UP_S, "--time", SECONDS, *(["--reverse"] if way == "down" else [])]))
        rates = []
        for client in clients:
            client.wait(60)
            answer = json.loads(client.text())
            if "error" in answer:
                raise HarnessError(f"iperf3: {answer['error']}")
            rates.append(answer["end"]["sum_received"]["bits_per_second"] / 1e6)
        return rates
    finally:
        for process in (*clients, *servers):
            process.stop()


def carried_by_one(network, pair, way, transport, bind):
    """Mbit/s of as many flows to one port, for those to whom ports say nothing; in a list. `transport`: "tcp" or "mptcp"."""
    set_rates(network, pair)
    words = [PORTS["wlan"], 2 * FLOWS, way, WARM_UP_S, SECONDS]
    server = network.ftp.start("bulk", ["/usr/bin/python3", "-B", BULK_FLOWS, "serve", transport, HOST, *words])
    client = None
    try:
        server.wait_for_output("ready")
        client = network.mn_ns.start("bulk-client", ["/usr/bin/python3", "-B", BULK_FLOWS, "connect", transport, bind, HOST, *words])
        receiver = client if way == "down" else server
        if receiver.wait(60) != 0:
            raise HarnessError(f"bulk_flows.py: {receiver.text()}")
        return [float(receiver.text().split()[-1])]
    finally:
        for process in filter(None, (client, server)):
            process.stop()
