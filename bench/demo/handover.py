"""§V: the WiFi goes away under a live video, with warning and without."""

import re
import time

from harness.homeward import FTP_SERVER, HOME_AGENT, VIDEO_SERVER
from harness.process import HarnessError
from media import FtpDownload, FtpServer, LiveVideo
from throughput import choose_uplinks, start_captures

MOVES = 10
CUTS = 10
STAY_S = 1.2  # on the other path, and again on WiFi
TCP_BPS = 500_000  # what is left of the cellular network beside the video

# In this part the video prefers WiFi, as in §V; the FTP session goes with it.
PREFER_WIFI = {"default": ["wlan", "cellular"], "rules": [
    {"name": "video", "correspondent": f"{VIDEO_SERVER}/32", "prefer": ["wlan", "cellular"]},
    {"name": "ftp", "correspondent": f"{FTP_SERVER}/32", "prefer": ["wlan", "cellular"]}]}


def path_rtt_ms(network, device):
    """Round-trip time to the home agent's address outside the tunnel, over one uplink."""
    answer = network.mn_ns.ping(HOME_AGENT, "-I", device)
    match = re.search(r"= [\d.]+/([\d.]+)/", answer.stdout)
    if not match:
        raise HarnessError(f"no echo from {HOME_AGENT} over {device}: {answer.stdout}")
    return float(match[1])


class HandoverPart:
    def __init__(self, network, progress, clip):
        self.network, self.progress, self.events = network, progress, []
        network.mn.write_policy(PREFER_WIFI)
        network.mn.command("reload")
        choose_uplinks(network, ["wlan", "cellular"])
        self.captures = start_captures(network, "handover", server=True)
        self.content = bytes(range(256)) * (1 << 16)
        # Packet by packet: a burst would fill the cellular network's queue and be seen as a gap in the video.
        network.ftp.shape("eth0", TCP_BPS, burst=1600)
        self.ftp_server = FtpServer(network, "slow-vsftpd", port=2121, content=self.content)
        self.ftp = FtpDownload(network, self.ftp_server, "handover")
        self.video = LiveVideo(network, clip)
        self.video.wait_received()
        time.sleep(STAY_S)

    def _event(self, kind, path_device, action):
        rtt = path_rtt_ms(self.network, path_device)
        self.events.append({"kind": kind, "time": time.time(), "path_rtt_ms": rtt})
        action()

    def planned(self, number):
        """One move away from WiFi and one back, both announced."""
        self.progress.update(f"planned move {number}: drain WiFi")
        self._event("planned", "rmnet0", lambda: self.network.mn.command("uplink", "wlan", "drain"))
        time.sleep(STAY_S)
        self.progress.update(f"planned move {number}: back to WiFi")
        self._event("planned", "wlan0", lambda: self.network.mn.command("uplink", "wlan", "up"))
        self.network.mn.wait_bound("wlan")
        time.sleep(STAY_S)

    def cut(self, number):
        """The access point's side of the link goes down: the node's kernel sees the carrier go."""
        self.progress.update(f"cut {number}: WiFi gone")
        self._event("cut", "rmnet0", lambda: self.network.ap.link_down("wlan"))
        time.sleep(STAY_S)
        self.progress.update(f"cut {number}: WiFi is back")
        rtt = path_rtt_ms(self.network, "rmnet0")
        self.events.append({"kind": "return", "time": time.time(), "path_rtt_ms": rtt})
        self.network.ap.link_up("wlan")
        self.network.mn.wait_bound("wlan")
        time.sleep(STAY_S)

    def finish(self):
        """Stops everything; the FTP session must be the one that began, with the right bytes."""
        time.sleep(STAY_S)
        self.video.stop()
        alive = self.ftp.process.running()
        self.ftp.process.stop()
        received = self.ftp.file.read_bytes()
        for capture in self.captures:
            capture.stop()
        self.ftp_server.stop()
        self.ftp.file.unlink()
        if not alive:
            raise HarnessError(f"the FTP session broke:\n{self.ftp.process.tail()}")
        if not received or received != self.content[:len(received)]:
            raise HarnessError("the FTP session delivered wrong bytes")


def run(network, progress, clip):
    progress.step("live video by RTP over WiFi, an FTP session beside it")
    part = HandoverPart(network, progress, clip)
    progress.step(f"{2 * MOVES} planned moves: `homeward uplink wlan drain`, then `up`")
    for number in range(1, MOVES + 1):
        part.planned(number)
    progress.step(f"{CUTS} cuts without warning, and back")
    for number in range(1, CUTS + 1):
        part.cut(number)
    part.finish()
    return part.events
