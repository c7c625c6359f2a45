"""TRex stateless profile: what tunnel_traffic.py defines, as streams of TRex's field engine.

    trex> start -f .../bench/traffic/homeward_stl.py -p 0 1 -m 1mpps -t --nodes 100000 --mix imix

Port 0 plays the nodes' networks (uplink), port 1 the correspondents (downlink); `-p 0` alone is uplink traffic alone.
Rates are shared among the streams as tunnel_traffic.py says; MAC addresses come from TRex's port configuration.
"""

import argparse
import os
import sys

from trex_stl_lib.api import (STLPktBuilder, STLScVmRaw, STLStream, STLTXCont, STLVmFixChecksumHw, STLVmFixIpv4,
                              STLVmFlowVar, STLVmWrFlowVar)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tunnel_traffic  # noqa: E402

UDP = 11  # CTRexVmInsFixHwCs.L4_TYPE_UDP


def program(stream):
    """Field engine instructions that make the stream's packets of its template."""
    instructions = []
    for field in stream.fields:
        # With several cores TRex deals the values out; fields of the same count are dealt alike, so a node's stay together.
        instructions += [STLVmFlowVar(name=field.name, min_value=field.first, max_value=field.first + field.count - 1,
                                      size=field.size, op="inc"),
                         STLVmWrFlowVar(fv_name=field.name, pkt_offset=field.offset)]
    in_software = list(stream.ipv4_headers)
    if stream.udp_header is not None:
        # The NIC does the header in front of the UDP header, too.
        outer = in_software.pop(0)
        instructions.append(STLVmFixChecksumHw(l3_offset=outer, l4_offset=stream.udp_header, l4_type=UDP))
    instructions += [STLVmFixIpv4(offset=offset) for offset in in_software]
    return STLScVmRaw(instructions)


class Homeward:
    def get_streams(self, direction=0, tunables=(), **_):
        options = argparse.ArgumentParser(prog="homeward_stl.py")
        options.add_argument("--nodes", type=int, default=1000, help="1 to 1048576")
        options.add_argument("--mix", default="64", help="imix, or the length of every inner packet")
        # With an underscore it comes from TRex's own tools, which cannot give an option without a value either.
        options.add_argument("--outer-checksum", "--outer_checksum", choices=("zero", "nic"), default="zero",
                             help="the UDP checksum of tunnel packets: zero, or computed by the NIC")
        options.add_argument("--side", choices=("access", "home"), help="of the home agent; default: 0 access, 1 home")
        chosen = options.parse_args(list(tunables))
        try:
            if (chosen.side or ("access", "home")[direction % 2]) == "access":
                streams = tunnel_traffic.uplink(chosen.nodes, chosen.mix, chosen.outer_checksum == "nic")
            else:
                streams = tunnel_traffic.downlink(chosen.nodes, chosen.mix)
        except ValueError as error:
            options.error(str(error))
        # A gap of a microsecond between the starts of streams: else their packets come in bursts of one each.
        return [STLStream(name=stream.name, isg=float(place), mode=STLTXCont(pps=stream.share),
                          packet=STLPktBuilder(pkt_buffer=stream.template, vm=program(stream)))
                for place, stream in enumerate(streams)]


def register():
    return Homeward()

