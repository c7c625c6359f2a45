"""The paper's Fig. 4: a node on WiFi and cellular, the home agent, an FTP and a video server behind it."""

from harness.homeward import HomewardSystem, unmet_needs as system_needs
from harness.netns import unmet_needs as namespace_needs

# The paper's averages: "3G only, WiFi only and multihoming are 3.61Mbps, 14.67Mbps, 17.82Mbps".
PAPER = {"cellular_mbps": 3.61, "wifi_mbps": 14.67, "both_mbps": 17.82}

# A full frame on an uplink: Ethernet, outer IPv4, UDP and tunnel header, then inner IPv4 and TCP with timestamps.
FRAME = 14 + 1500
HEADERS = 14 + (20 + 8 + 4) + 20 + (20 + 12)

UPLINKS = ("wlan", "cellular")
QUEUE_MS = 150


def frame_rate_bps(goodput_mbps):
    """What a shaper that counts Ethernet frames must pass for a goodput of full segments through the tunnel."""
    return goodput_mbps * 1e6 * FRAME / (FRAME - HEADERS)


def unmet_needs():
    return namespace_needs(["vsftpd", "curl", "ffmpeg"]) or system_needs()


class DemoNetwork(HomewardSystem):
    """Fig. 4 with both access networks shaped in both directions."""

    def __init__(self, directory):
        super().__init__("demo", nat_cellular=True, directory=directory)
        # In the paper, phone, home agent and video server have a machine each; here they share it with everything else.
        self.nice = -10

    def _build(self):
        super()._build()
        for router, device, goodput in ((self.ap, "wlan", PAPER["wifi_mbps"]), (self.cell, "radio", PAPER["cellular_mbps"])):
            router.shape(device, frame_rate_bps(goodput), QUEUE_MS)
            router.shape("core", frame_rate_bps(goodput), QUEUE_MS)
        # The demo cuts the WiFi every few seconds; the usual hold-down is meant for longer absences.
        self.mn.config["handover"] = {"hold_down": "500 ms"}
        self.mn.config["tunnel"] = {"require_bpf": True}
