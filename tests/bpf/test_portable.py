"""What is compiled into the agent loads where the kernel has no BTF, as on Android: nothing in the programs is relocated
against the running kernel's types (CO-RE), or bound to one of its symbols.

.BTF.ext tells: linux/include/uapi/linux/btf.h, tools/lib/bpf/libbpf_internal.h (struct btf_ext_header)."""

import os
import pathlib
import struct

import pytest

from bpf_object import compiled, section

BUILD = pathlib.Path(os.environ["HOMEWARD_BUILD"])
OBJECTS = sorted(BUILD.glob("ebpf/*.bpf.o"))
RELOCATED = """
struct task_struct { int pid; } __attribute__((preserve_access_index));
int read_pid(struct task_struct *task) { return task->pid; }
"""
BOUND = """
extern int bpf_outside(void) __attribute__((section(".ksyms")));
int call(void) { return bpf_outside(); }
"""


def core_relocations(path):
    """Bytes of CO-RE relocation records."""
    extension = section(path, ".BTF.ext")
    (header,) = struct.unpack_from("<I", extension, 4) if extension else (0,)
    return struct.unpack_from("<I", extension, 28)[0] if header >= 32 else 0


def kernel_symbols(path):
    """Whether the BTF names a section of symbols that the kernel is to provide."""
    return any(name in section(path, ".BTF") for name in (b".ksyms\0", b".kconfig\0"))


def test_there_are_programs():
    assert OBJECTS


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_a_program_needs_no_types_of_the_running_kernel(path):
    assert section(path, ".BTF"), "maps are described by the object's own types"
    assert core_relocations(path) == 0
    assert not kernel_symbols(path)


def test_a_relocated_program_would_be_noticed(tmp_path):
    assert core_relocations(compiled(tmp_path, RELOCATED)) > 0


def test_a_program_bound_to_kernel_symbols_would_be_noticed(tmp_path):
    assert kernel_symbols(compiled(tmp_path, BOUND))
