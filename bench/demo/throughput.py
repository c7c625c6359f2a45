"""Fig. 5: cellular alone, WiFi alone, both; the same two downloads in each."""

import time

from harness.homeward import FTP_SERVER, VIDEO_SERVER
from media import FtpDownload, HttpVideo, received_bytes
from network import UPLINKS
from recompute import SAMPLE_S

SETTLE_S = 2.0
WINDOW_S = 10.0
SNAP = 128  # headers up to TCP's options

RUNS = {"cellular": ["cellular"], "wifi": ["wlan"], "both": ["wlan", "cellular"]}
TITLES = {"cellular": "cellular only", "wifi": "WiFi only", "both": "WiFi and cellular together"}


def choose_uplinks(network, names):
    """Turns off the uplinks not named and waits until exactly the named ones are in use."""
    for name in UPLINKS:
        if name in names:
            network.mn.command("uplink", name, "up")
    network.mn.wait_bound(*names)
    for name in UPLINKS:
        if name not in names:
            network.mn.command("uplink", name, "down")


def start_captures(network, run, snap=0, server=False):
    captures = [network.mn_ns.capture("wlan0", f"{run}-wlan", "udp", snap),
                network.mn_ns.capture("rmnet0", f"{run}-cellular", "udp", snap)]
    if server:
        captures.append(network.video.capture("eth0", f"{run}-video-server", "ip", snap))
    return captures


def application_bytes(network):
    """What the player's and curl's sockets have received so far."""
    return [received_bytes(network.mn_ns, server) for server in (VIDEO_SERVER, FTP_SERVER)]


def measure(network, progress, clip, ftp_server, run):
    """One run; returns its measuring window. Its numbers come from the captures."""
    progress.step(f"{TITLES[run]}: ffmpeg plays from {VIDEO_SERVER}, curl fetches by FTP")
    choose_uplinks(network, RUNS[run])
    captures = start_captures(network, run, SNAP, server=True)
    video, ftp = HttpVideo(network, clip, run), FtpDownload(network, ftp_server, run)
    video.player.wait_ready(lambda: min(application_bytes(network)) > 100_000, "receiving")
    show(network, progress, SETTLE_S)
    start, before = time.time(), application_bytes(network)
    show(network, progress, WINDOW_S)
    end, after = time.time(), application_bytes(network)
    for client in (video.player, ftp.process):
        client.wait_ready(lambda: True, "the end of the measurement")
    for capture in captures:
        capture.stop()
    video.stop()
    ftp.stop()
    mbps = [(b - a) * 8 / (end - start) / 1e6 for a, b in zip(before, after)]
    progress.detail(f"video {mbps[0]:5.2f} + FTP {mbps[1]:5.2f} = {sum(mbps):5.2f} Mbit/s as the node's sockets count")
    return {"start": start, "end": start + WINDOW_S, "application_mbps": sum(mbps)}


def show(network, progress, seconds):
    deadline = time.monotonic() + seconds
    at, before = time.monotonic(), application_bytes(network)
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(SAMPLE_S, left))
        now, after = time.monotonic(), application_bytes(network)
        mbps = [(b - a) * 8 / (now - at) / 1e6 for a, b in zip(before, after)]
        progress.update(f"video {mbps[0]:5.2f} Mbit/s   FTP {mbps[1]:5.2f} Mbit/s")
        at, before = now, after
