"""What a compiled BPF object says about itself. ELF with 64 bits, little-endian; instructions as linux/bpf.h has them."""

import collections
import struct
import subprocess

Section = collections.namedtuple("Section", "name kind flags data link")
Instruction = collections.namedtuple("Instruction", "code source offset constant")
PROGRAM = 4  # SHF_EXECINSTR
SYMBOLS, NO_DATA, FUNCTION = 2, 8, 2


def sections(path):
    """In the object's order."""
    data = path.read_bytes()
    (at,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQI", data, at + size * place) for place in range(count)]
    text = headers[names][4]
    return [Section(data[text + name:data.index(b"\0", text + name)].decode(), kind, flags,
                    b"" if kind == NO_DATA else data[start:start + length], link)
            for name, kind, flags, _address, start, length, link in headers]


def section(path, name):
    """Its content; nothing if there is none."""
    return next((one.data for one in sections(path) if one.name == name), b"")


def programs(path):
    """{function: (section, instructions)}"""
    every = sections(path)
    found = {}
    for table in (one for one in every if one.kind == SYMBOLS):
        names = every[table.link].data
        for name, info, _other, place, begin, size in struct.iter_unpack("<IBBHQQ", table.data):
            if info & 15 == FUNCTION and every[place].flags & PROGRAM:
                found[names[name:names.index(b"\0", name)].decode()] = (
                    every[place].name, instructions(every[place].data[begin:begin + size]))
    return found


def instructions(code):
    found, wide = [], False
    for operation, registers, offset, constant in struct.iter_unpack("<BBhi", code):
        if not wide:
            found.append(Instruction(operation, registers >> 4, offset, constant))
        wide = not wide and operation == 0x18  # a constant of 64 bits takes two places
    return found


def compiled(directory, source, *options):
    path = directory / "made.bpf.o"
    subprocess.run(["clang", "-target", "bpf", "-O2", "-g", *options, "-x", "c", "-", "-c", "-o", path],
                   input=source.encode(), check=True)
    return path
