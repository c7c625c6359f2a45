"""What the agent's programs need of a kernel, read from the compiled objects: helpers, instructions, maps and constants that
Linux 5.10 has (Android's oldest common kernel with them; 5.15 and later have them, too), and not more than docs/fast-path.md says.

Helpers' numbers and what later kernels added: linux/include/uapi/linux/bpf.h and kernel/bpf of 5.10, 5.15 and later ones."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from bpf_object import compiled, programs, sections

BUILD = pathlib.Path(os.environ["HOMEWARD_BUILD"])
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "fast-path.md"
OLDEST = (5, 10)
LAST_OF_OLDEST = 155  # helpers: redirect_peer; 5.15 goes on to 175

# Helper: its name, and since when a program of that kind may call it.
HELPERS = {1: ("bpf_map_lookup_elem", {"socket": (3, 19), "tc": (4, 1)}), 2: ("bpf_map_update_elem", {"socket": (3, 19), "tc": (4, 1)}),
           9: ("bpf_skb_store_bytes", {"tc": (4, 1)}), 10: ("bpf_l3_csum_replace", {"tc": (4, 1)}), 23: ("bpf_redirect", {"tc": (4, 4)}),
           26: ("bpf_skb_load_bytes", {"socket": (4, 5), "tc": (4, 5)}), 39: ("bpf_skb_pull_data", {"tc": (4, 9)}),
           43: ("bpf_skb_change_head", {"tc": (5, 8)}), 50: ("bpf_skb_adjust_room", {"tc": (4, 13)}),
           135: ("bpf_csum_level", {"tc": (5, 8)}), 152: ("bpf_redirect_neigh", {"tc": (5, 10)})}
# By enum bpf_map_type.
MAPS = {1: (3, 19), 2: (3, 19), 6: (4, 6), 9: (4, 10), 10: (4, 10), 11: (4, 11), 12: (4, 12)}
NEVER = (99, 0)


def of_instruction(one, kind):
    """Since when the kernel knows it, for a program of that kind."""
    family = one.code & 7
    if one.code == 0x85:  # call: a helper; of the program itself; of the kernel
        since = HELPERS[one.constant][1].get(kind, NEVER) if one.source == 0 and one.constant in HELPERS else NEVER
    elif family == 3 and one.code & 0xE0 == 0xC0:  # atomic: adding without asking for the old value is as old as BPF
        since = (3, 18) if one.constant == 0 else (5, 12)
    elif family == 6:  # comparison of 32 bits; a jump of 32 bits
        since = (5, 1) if one.code != 0x06 else (6, 6)
    elif family == 1 and one.code & 0xE0 == 0x80 or one.code == 0xD7:  # load with a sign; swap of bytes
        since = (6, 6)
    elif family in (4, 7) and one.code & 0xF0 in (0x30, 0x90, 0xB0) and one.offset != 0:  # with a sign: / % =
        since = (6, 6)
    else:
        since = (3, 18)
    return since


def map_types(path):
    """Of all maps that the object describes: a map's `type` is a pointer to an array of so many elements."""
    dumped = subprocess.run(["bpftool", "-j", "btf", "dump", "file", path], capture_output=True, text=True, check=True)
    types = {one["id"]: one for one in json.loads(dumped.stdout)["types"]}
    maps = [types[types[place["type_id"]]["type_id"]] for one in types.values() if one.get("name") == ".maps" for place in one["vars"]]
    members = [member for one in maps for member in one["members"] if member["name"] == "type"]
    return [types[types[member["type_id"]]["type_id"]]["nr_elems"] for member in members]


def oldest_kernel(path, function):
    """That takes the program, by what can be read from its object."""
    kind, code = programs(path)[function]
    constants = (5, 2) if any(one.name.startswith((".rodata", ".data", ".bss")) and one.data for one in sections(path)) else (3, 18)
    return max([constants, *(of_instruction(one, kind) for one in code), *(MAPS.get(number, NEVER) for number in map_types(path))])


def documented():
    """{function: version} of the table of programs."""
    text = DOCUMENT.read_text()
    return {function: tuple(map(int, version.split(".")))
            for names, version in re.findall(r"^\| ([^|]*`homeward_[^|]*) \|[^|]*\| (\d+\.\d+)", text, re.M)
            for function in re.findall(r"`(homeward_\w+)`", names)}


EVERY = [(path, function) for path in sorted(BUILD.glob("ebpf/*.bpf.o")) for function in programs(path)]


def test_there_are_programs():
    assert len(EVERY) >= 6


@pytest.mark.parametrize("path, function", EVERY, ids=[function for _path, function in EVERY])
def test_a_program_keeps_to_what_5_10_offers(path, function):
    calls = {one.constant for one in programs(path)[function][1] if one.code == 0x85 and one.source == 0}
    assert all(number <= LAST_OF_OLDEST for number in calls), "a helper that 5.10 does not have"
    assert calls <= HELPERS.keys(), "say in HELPERS since when it may be called"
    assert oldest_kernel(path, function) <= OLDEST


@pytest.mark.parametrize("path, function", EVERY, ids=[function for _path, function in EVERY])
def test_it_is_documented_what_a_program_needs(path, function):
    """Beside that the agent may need more of the kernel to use it, so the document may say a later one."""
    assert oldest_kernel(path, function) <= documented()[function] <= OLDEST


YOUNGER = {"a helper of 5.12": ("static long (*check_mtu)(void *, unsigned, unsigned *, int, unsigned long) = (void *)163;\n"
                                'RUN { unsigned mtu = 0; return check_mtu(skb, 0, &mtu, 0, 0); }'),
           "a helper that its kind may not call": ("static long (*change_proto)(void *, int, long) = (void *)31;\n"
                                                  'RUN { return change_proto(skb, 8, 0); }'),
           "an addition with a result": "long sum;\nRUN { return __sync_fetch_and_add(&sum, 1); }",
           "a function of the kernel": 'extern int bpf_outside(void) __attribute__((section(".ksyms")));\nRUN { return bpf_outside(); }'}


@pytest.mark.parametrize("source", YOUNGER.values(), ids=YOUNGER)
def test_a_program_that_needs_more_would_be_noticed(tmp_path, source):
    head = '__attribute__((section("tc"), used)) int run(void *skb)'
    path = compiled(tmp_path, 'struct { int (*type)[2]; } m __attribute__((section(".maps"), used));\n' + source.replace("RUN", head), "-mcpu=v3")
    assert oldest_kernel(path, "run") > OLDEST
