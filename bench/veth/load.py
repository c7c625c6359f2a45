"""The two loads, the same for every contestant: bulk TCP by iperf3, small packets by bench-veth-packets, whose sender
hands them to the device that the route names, and whose sink takes them where they come out.

Down is from HOST to HOME, up from HOME to HOST."""

import json

from harness.build import build_directory
from harness.process import HarnessError, run

from path import HOME, HOST

TCP_SECONDS, SMALL_SECONDS = 1, 0.5  # iperf3 knows whole seconds only


def _iperf(path, down, *amount):
    sender, receiver = (path.host, path.node) if down else (path.node, path.host)
    source, destination = (HOST, HOME) if down else (HOME, HOST)
    server = receiver.start("iperf3", ["iperf3", "--forceflush", "--one-off", "--server", "--bind", destination])
    try:
        server.wait_for_output("Server listening")
        done = sender.run("iperf3", "--json", "--client", destination, "--bind", source, *amount, check=False)
        answer = json.loads(done.stdout)
        if "error" in answer:
            raise HarnessError(f"{path.name}: iperf3: {answer['error']}")
        return answer["end"]["sum_received"]
    finally:
        server.stop()


def transfer(path):
    """A megabyte down."""
    _iperf(path, True, "--bytes", "1M")


def _goodput(path, down):
    return _iperf(path, down, "--time", TCP_SECONDS)["bits_per_second"] / 1e9


def tcp_down(path):
    """Gbit/s of TCP payload."""
    return _goodput(path, True)


def tcp_up(path):
    return _goodput(path, False)


def _way_out(namespace, source, destination):
    """(device, MAC address of the next hop or None) by which a namespace sends to `destination`."""
    (route,) = json.loads(namespace.ip("-json", "route", "get", destination, "from", source).stdout)
    hop = route.get("gateway", destination)
    neighbours = json.loads(namespace.ip("-json", "neighbour", "show", hop, "dev", route["dev"]).stdout)
    return route["dev"], neighbours[0].get("lladdr") if neighbours else None


def small_packets(path, down):
    """What bench-veth-packets counted: packets_per_s, sent, lost."""
    sender, receiver = (path.host, path.node) if down else (path.node, path.host)
    source, destination = (HOST, HOME) if down else (HOME, HOST)
    device, next_hop = _way_out(sender, source, destination)
    far_device = path.arrivals.get(receiver.name) or _way_out(receiver, destination, source)[0]
    generator = build_directory() / "bench" / "veth" / "bench-veth-packets"
    done = run([generator, "--from", sender.full_name, "--from-device", device, *(["--next-hop", next_hop] if next_hop else []),
                "--to", receiver.full_name, "--to-device", far_device, "--source", source, "--destination", destination,
                "--seconds", SMALL_SECONDS])
    return json.loads(done.stdout)


def small_down(path):
    """64-byte packets a second."""
    return small_packets(path, True)["packets_per_s"]


def small_up(path):
    return small_packets(path, False)["packets_per_s"]
