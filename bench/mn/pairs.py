"""What is compared with what. Floors for these are in bench/floors/mn.json."""

from ratios import SMALL, TCP

PAIRS = [("fast", "bare"), ("fast", "vxlan"), ("fast_plain", "bare"), ("fast_plain", "vxlan"),
         ("fast", "wireguard_go"), ("slow", "wireguard_go")]


def ratios():
    """name → (measurement, ours, theirs); with offloads, where there are some, as with real frames"""
    return {f"{load}.{ours}_to_{theirs}{end}": (load, ours + end, theirs + end)
            for ours, theirs in PAIRS for end, loads in (("", TCP + SMALL), ("_offload", TCP)) for load in loads}
