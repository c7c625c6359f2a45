#!/usr/bin/python3
"""Writes what tunnel_traffic.py defines into a pcap file, for pktgen-dpdk or tcpreplay.

    write_pcap.py uplink --nodes 1000 --mix imix --to 52:54:00:00:00:01 uplink.pcap
"""

import argparse
import itertools
import struct
import sys

import tunnel_traffic


def mac(text):
    parts = text.split(":")
    if len(parts) != 6:
        raise argparse.ArgumentTypeError(f"expected a MAC address, not {text}")
    return bytes(int(part, 16) for part in parts)


def one_round(streams):
    """Packets until every stream has begun again with its first node."""
    nodes = next(field.count for field in streams[0].fields if field.name == "home_address")
    return nodes * sum(stream.share for stream in streams)


def write(path, frames):
    """Microsecond pcap, all times zero: a generator paces by itself."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("direction", choices=("uplink", "downlink"))
    options.add_argument("file")
    options.add_argument("--nodes", type=int, default=1000)
    options.add_argument("--mix", default="64", help="imix, or the length of every inner packet")
    options.add_argument("--outer-checksum", action="store_true", help="UDP checksums in tunnel packets, else zero")
    options.add_argument("--to", type=mac, required=True, help="MAC address of the home agent's port")
    options.add_argument("--source", type=mac, default=mac("02:00:00:00:00:fe"))
    options.add_argument("--packets", type=int, help="default: as many as it takes to meet every node")
    chosen = options.parse_args()
    try:
        streams = (tunnel_traffic.uplink(chosen.nodes, chosen.mix, chosen.outer_checksum) if chosen.direction == "uplink"
                   else tunnel_traffic.downlink(chosen.nodes, chosen.mix))
    except ValueError as error:
        options.error(str(error))
    count = chosen.packets or one_round(streams)
    frames = itertools.islice(tunnel_traffic.packets(streams), count)
    write(chosen.file, (chosen.to + chosen.source + frame[12:] for frame in frames))
    print(f"{count} packets in {chosen.file}", file=sys.stderr)


if __name__ == "__main__":
    main()
