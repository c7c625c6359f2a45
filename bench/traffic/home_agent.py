#!/usr/bin/python3
"""Makes a home agent ready for what tunnel_traffic.py defines.

    home_agent.py config --access 0000:01:00.0 --home 0000:02:00.0 >ha.yaml
    home_agent.py serve --nodes 100000            # stands in for homeward-control: bindings, then counters every second
    homeward-dataplane --config ha.yaml
    home_agent.py kernel --access-peer MAC --home-peer MAC | sh -e     # addresses, routes, the generator as neighbour

Registering a million nodes is not what is measured here, so nobody registers: `serve` says what control would say.
"""

import argparse
import itertools
import pathlib
import sys
import time

import tunnel_traffic as traffic

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))
from harness import control_peer as ipc  # noqa: E402
from harness.yaml import dump  # noqa: E402

SOCKET = "/run/homeward/dataplane.sock"
RECORDS = 500  # in a message: they are limited to 64 KB
PATIENCE = 120.0  # seconds: a million bindings take a while


def configuration(access, home, socket=SOCKET, **dataplane):
    return {
        "home_agent": {"address": traffic.HOME_AGENT, "dataplane_socket": socket},
        "ports": [{"name": "access", "device": access, "addresses": [f"{traffic.HOME_AGENT}/24"]},
                  {"name": "home", "device": home, "addresses": [f"{traffic.HOME_OWN}/24"]}],
        "dataplane": dataplane,
        "home_networks": [{"prefix": traffic.HOME_NETWORK}],
        "nodes": [],
    }


def kernel(access_peer, home_peer):
    """Commands that tell the kernel, hence the data plane, where everybody is. The generator need not answer ARP."""
    for twin, own, peer, mac, networks in (
            ("hw-access", traffic.HOME_AGENT, traffic.ACCESS_GATEWAY, access_peer,
             (traffic.WLAN_NETWORK, traffic.CELLULAR_NETWORK)),
            ("hw-home", traffic.HOME_OWN, traffic.HOME_GATEWAY, home_peer, (traffic.CORRESPONDENTS_NETWORK,))):
        yield f"ip link set {twin} up"
        yield f"ip address replace {own}/24 dev {twin}"
        yield f"ip neighbour replace {peer} lladdr {mac} dev {twin} nud permanent"
        for network in networks:
            yield f"ip route replace {network} via {peer} dev {twin}"


def bindings(nodes):
    """Every node with both uplinks; every other one prefers cellular, so that downlink packets take both."""
    care_of = {label: traffic.address(network.split("/")[0])
               for label, network in ((traffic.WLAN, traffic.WLAN_NETWORK), (traffic.CELLULAR, traffic.CELLULAR_NETWORK))}
    for node in range(nodes):
        uplinks = [(care_of[traffic.WLAN] + node, traffic.WLAN_PORT, traffic.WLAN),
                   (care_of[traffic.CELLULAR] + node, traffic.CELLULAR_PORT, traffic.CELLULAR)]
        yield ipc.binding(traffic.address(traffic.FIRST_HOME_ADDRESS, node), *(uplinks if node % 2 == 0 else uplinks[::-1]))


def install(peer, nodes):
    """Tells a data plane that has connected everything and waits until it is in force."""
    peer.send(ipc.SYNC_BEGIN)
    peer.send(ipc.SETTINGS, ipc.settings(traffic.HOME_AGENT))
    peer.send(ipc.HOME_NETWORK, ipc.home_network(traffic.HOME_NETWORK, ""))
    records = bindings(nodes)
    while batch := list(itertools.islice(records, RECORDS)):
        peer.send(ipc.BINDING_PUT, *batch)
    peer.send(ipc.SYNC_END)
    peer.wait_acknowledged(PATIENCE)


def report(before, after, seconds):
    """What happened between two readings of the counters, in a line: what tells how RSS spreads, too."""
    rates = {name: (value - before.get(name, 0)) / seconds for name, value in after.items()}
    shown = [f"{name.split('_')[0].removeprefix('pipeline.')} {rates[name]:,.0f}/s"
             for name in ("pipeline.uplink_packets", "pipeline.downlink_packets")]
    workers = sorted(name for name in rates if name.startswith("worker.") and name.endswith(".packets"))
    shown.append("workers " + " ".join(f"{rates[name]:,.0f}" for name in workers))
    lost = [name for name in rates if name.startswith("drop.") or name.endswith(("rx_missed", "rx_errors", "tx_errors"))]
    shown += [f"{name} {rates[name]:,.0f}/s" for name in sorted(lost) if rates[name]]
    return ", ".join(shown)


def serve(socket, nodes, once=False):
    """Serves one data plane after the other, until interrupted; `once`: returns with the peer when one has everything."""
    peer = ipc.ControlPeer(socket)
    while True:
        print(f"waiting for homeward-dataplane at {socket}", flush=True)
        try:
            while peer.connection is None:
                try:
                    peer.accept_only(timeout=1.0)
                except TimeoutError:
                    pass
            began = time.monotonic()
            install(peer, nodes)
            print(f"{nodes} nodes with two uplinks each, in force after {time.monotonic() - began:.1f} s", flush=True)
            if once:
                return peer
            follow(peer)
        except ConnectionError as gone:
            print(gone, flush=True)
            peer.connection.close()
            peer.connection = None


def follow(peer):
    before, then = peer.counters(), time.monotonic()
    while True:
        time.sleep(1)
        after, now = peer.counters(), time.monotonic()
        print(report(before, after, now - then), flush=True)
        before, then = after, now


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = options.add_subparsers(dest="command", required=True)
    config = commands.add_parser("config", help="the data plane's configuration")
    config.add_argument("--access", required=True, help="device of the port towards the nodes")
    config.add_argument("--home", required=True, help="device of the port towards the correspondents")
    config.add_argument("--workers", type=int, default=1)
    config.add_argument("--cores", default='""')
    told = commands.add_parser("kernel", help="prints commands for addresses, routes and neighbours")
    told.add_argument("--access-peer", required=True, help="MAC address of the generator's port 0")
    told.add_argument("--home-peer", required=True, help="MAC address of the generator's port 1")
    stand_in = commands.add_parser("serve", help="stands in for homeward-control")
    stand_in.add_argument("--nodes", type=int, default=1000)
    stand_in.add_argument("--socket", default=SOCKET)
    chosen = options.parse_args()
    if chosen.command == "config":
        print(dump(configuration(chosen.access, chosen.home, workers=chosen.workers, cores=chosen.cores,
                                 huge_pages="always")), end="")
    elif chosen.command == "kernel":
        print("\n".join(kernel(chosen.access_peer, chosen.home_peer)))
    else:
        try:
            traffic.check_nodes(chosen.nodes)
            pathlib.Path(chosen.socket).parent.mkdir(parents=True, exist_ok=True)
            serve(chosen.socket, chosen.nodes)
        except ValueError as error:
            options.error(str(error))
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
