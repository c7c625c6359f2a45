"""What is compared with what. Floors for these are in bench/floors/veth.json."""

TCP, SMALL = ("tcp_down", "tcp_up"), ("small_down", "small_up")
PAIRS = [
    ("homeward", "testpmd_io", TCP + SMALL), ("homeward", "testpmd_io_plain", TCP), ("homeward_poll", "testpmd_io", TCP),
    ("homeward_checksum", "homeward", ("tcp_down", "small_down")), ("homeward", "wireguard_go", TCP + SMALL),
    ("homeward_mn", "wireguard_go", TCP + SMALL), ("homeward_mn_slow", "wireguard_go", TCP + SMALL),
    ("homeward", "vxlan", TCP + SMALL),
]
RATIOS = {f"{load}.{ours}_to_{theirs}": (load, ours, theirs) for ours, theirs, loads in PAIRS for load in loads}


def ratio(ours, theirs):
    """Round by round: whatever else the machine did, it did to both within the same minute."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]
