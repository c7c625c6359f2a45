"""What TRex makes of a profile, without TRex: a `trex_stl_lib.api` whose streams can be asked for their packets.

Written from TRex's manual (Stateless Support, Field Engine): a flow variable starts at its smallest value and advances
once per packet, after its largest value it starts again; instructions run in order on a copy of the template.
"""

import importlib
import struct
import sys
import types

UDP = 11


class FlowVar:
    def __init__(self, name, min_value, max_value, size, op):
        assert op == "inc" and size in (1, 2, 4, 8) and 0 <= min_value <= max_value < 1 << 8 * size
        self.name, self.first, self.count, self.size = name, min_value, max_value - min_value + 1, size

    def run(self, _frame, variables, number):
        variables[self.name] = (self.first + number % self.count).to_bytes(self.size, "big")


class WriteFlowVar:
    def __init__(self, fv_name, pkt_offset):
        self.name, self.offset = fv_name, pkt_offset

    def run(self, frame, variables, _number):
        value = variables[self.name]
        assert self.offset + len(value) <= len(frame)
        frame[self.offset:self.offset + len(value)] = value


class FixIpv4:
    def __init__(self, offset):
        self.offset = offset

    def run(self, frame, _variables, _number):
        header = frame[self.offset:self.offset + 20]
        header[10:12] = b"\0\0"
        frame[self.offset + 10:self.offset + 12] = ones_complement(header)


class FixChecksumHw:
    """Both headers, as a NIC does it: when the program has ended."""

    def __init__(self, l3_offset, l4_offset, l4_type):
        assert l4_type == UDP
        self.ip, self.udp = l3_offset, l4_offset

    def run(self, frame, variables, number):
        FixIpv4(self.ip).run(frame, variables, number)
        frame[self.udp + 6:self.udp + 8] = b"\0\0"
        pseudo = frame[self.ip + 12:self.ip + 20] + struct.pack("!HH", 17, len(frame) - self.udp)
        frame[self.udp + 6:self.udp + 8] = ones_complement(pseudo + frame[self.udp:])


class PktBuilder:
    def __init__(self, pkt_buffer, vm):
        assert isinstance(pkt_buffer, bytes)
        self.template, self.program = pkt_buffer, vm


class Stream:
    def __init__(self, name, packet, mode, isg):
        self.name, self.builder, self.pps, self.gap = name, packet, mode, isg

    def packet(self, number):
        frame, variables = bytearray(self.builder.template), {}
        for instruction in sorted(self.builder.program, key=lambda step: isinstance(step, FixChecksumHw)):
            instruction.run(frame, variables, number)
        return bytes(frame)


def ones_complement(data):
    """RFC 1071 the other way round than the definition does it: modulo 0xffff. No data here is all zeros."""
    data = bytes(data) + b"\0" * (len(data) % 2)
    return (0xFFFF - (int.from_bytes(data, "big") % 0xFFFF)).to_bytes(2, "big")


def load(directory, profile):
    """Imports a profile as TRex does."""
    api = types.ModuleType("trex_stl_lib.api")
    vars(api).update(STLPktBuilder=PktBuilder, STLScVmRaw=list, STLStream=Stream, STLTXCont=lambda pps: pps,
                     STLVmFlowVar=FlowVar, STLVmWrFlowVar=WriteFlowVar, STLVmFixIpv4=FixIpv4,
                     STLVmFixChecksumHw=FixChecksumHw)
    sys.modules.update({"trex_stl_lib": types.ModuleType("trex_stl_lib"), "trex_stl_lib.api": api})
    sys.path.insert(0, str(directory))
    return importlib.import_module(profile).register()
