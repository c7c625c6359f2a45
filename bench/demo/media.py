"""Real servers and clients: vsftpd and curl, ffmpeg on both ends of the video."""

import os
import pathlib
import re
import tempfile

from harness.homeward import FTP_SERVER, HOME_ADDRESS, VIDEO_SERVER
from harness.process import run, wait_until

HTTP_PORT = 8080
RTP_PORT = 5004
RTP_PAYLOAD = 7 * 188
FFMPEG = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-y"]

# 2 Mbit/s of H.264 in a constant 2.3 Mbit/s transport stream, sent 0.5 % slower than it is made: so there is always a
# packet to send, every 4.6 ms, whatever the picture shows. A silence in the flow is the network's, not the encoder's.
VIDEO_BPS, MUX_BPS = 2_000_000, 2_300_000
RTP_BPS = int(MUX_BPS * (RTP_PAYLOAD + 12) / RTP_PAYLOAD * 0.995)


def encode_clip(path, seconds=12):
    """720p at 30 frames/s; intra refresh instead of large key frames keeps the rate even."""
    if not path.exists():
        unfinished = path.with_suffix(".part")
        run([*FFMPEG, "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30", "-t", seconds, "-pix_fmt", "yuv420p",
             "-c:v", "libx264", "-preset", "superfast", "-bf", 0, "-g", 30,
             "-b:v", VIDEO_BPS, "-minrate", VIDEO_BPS, "-maxrate", VIDEO_BPS, "-bufsize", VIDEO_BPS // 5,
             "-x264-params", "nal-hrd=cbr:force-cfr=1:intra-refresh=1:repeat-headers=1",
             "-f", "mpegts", "-muxrate", MUX_BPS, unfinished], timeout=120)
        unfinished.rename(path)
    return path


class FtpServer:
    """vsftpd with one large file. Its root must be reachable for the user `ftp`, so it is not in the run's directory."""

    def __init__(self, network, name, port=21, content=None):
        self.url = f"ftp://{FTP_SERVER}:{port}/file"
        self._root = tempfile.TemporaryDirectory(prefix=f"homeward-{os.getpid()}-{name}-")
        root = pathlib.Path(self._root.name)
        root.chmod(0o755)
        (root / "empty").mkdir(mode=0o755)
        self.file = root / "file"
        if content is None:
            with open(self.file, "wb") as file:
                file.truncate(1 << 30)
        else:
            self.file.write_bytes(content)
        self.file.chmod(0o644)
        config = root / "vsftpd.conf"
        config.write_text("\n".join([
            "listen=YES", f"listen_port={port}", "background=NO", "anonymous_enable=YES", "no_anon_password=YES",
            f"anon_root={root}", f"secure_chroot_dir={root / 'empty'}", "seccomp_sandbox=NO",
            "isolate_network=NO", "connect_from_port_20=NO", "xferlog_enable=NO", ""]))
        self.process = network.ftp.start(name, ["vsftpd", config])
        self.process.wait_ready(lambda: listening(network.ftp, port), f"listening on port {port}")

    def stop(self):
        self.process.stop()
        self._root.cleanup()


def received_bytes(namespace, server):
    """Payload that the kernel has put in order for the namespace's TCP sessions with `server`."""
    listing = namespace.run("ss", "-Htin", "dst", server).stdout
    return sum(int(number) for number in re.findall(r"bytes_received:(\d+)", listing))


def listening(namespace, port):
    return f":{port} " in namespace.run("ss", "-Hltn").stdout


class HttpVideo:
    """ffmpeg as video server and as player that takes the stream as fast as it comes; one server serves one player."""

    def __init__(self, network, clip, run_name):
        self.server = network.video.start(f"{run_name}-ffmpeg", [
            *FFMPEG, "-stream_loop", -1, "-i", clip, "-map", "0:v", "-c", "copy", "-f", "mpegts", "-listen", 1,
            f"http://{VIDEO_SERVER}:{HTTP_PORT}/video.ts"])
        self.server.wait_ready(lambda: listening(network.video, HTTP_PORT), "listening for a player")
        self.file = network.directory / f"{run_name}-video.ts"
        self.player = network.mn_ns.start(f"{run_name}-ffmpeg", [
            *FFMPEG, "-i", f"http://{VIDEO_SERVER}:{HTTP_PORT}/video.ts", "-c", "copy", "-f", "mpegts", self.file])

    def stop(self):
        self.player.stop()
        self.server.stop()
        self.file.unlink(missing_ok=True)


class FtpDownload:
    """curl fetching the server's file."""

    def __init__(self, network, server, run_name):
        self.file = network.directory / f"{run_name}-ftp.download"
        self.process = network.mn_ns.start(f"{run_name}-curl", [
            "curl", "--silent", "--show-error", "--disable-epsv", "--output", self.file, server.url])

    def stop(self):
        self.process.stop()
        self.file.unlink(missing_ok=True)


class LiveVideo:
    """RTP from the video server to the node; the node records what it receives."""

    def __init__(self, network, clip):
        sdp = network.directory / "live.sdp"
        sdp.write_text(f"v=0\no=- 0 0 IN IP4 {VIDEO_SERVER}\ns=video\nc=IN IP4 {HOME_ADDRESS}\nt=0 0\n"
                       f"m=video {RTP_PORT} RTP/AVP 33\n")
        self.recording = network.directory / "received.ts"
        self.receiver = network.mn_ns.start("live-ffmpeg", [
            *FFMPEG, "-protocol_whitelist", "file,udp,rtp", "-buffer_size", 1 << 20, "-i", sdp, "-map", "0:v",
            "-c", "copy", "-copyts", "-mpegts_copyts", 1, "-muxdelay", 0, "-f", "mpegts", self.recording])
        self.receiver.wait_ready(lambda: f":{RTP_PORT} " in network.mn_ns.run("ss", "-Hlun").stdout, "listening for RTP")
        self.sender = network.video.start("live-ffmpeg", [
            "nice", "-n", network.nice, *FFMPEG, "-re", "-stream_loop", -1, "-i", clip, "-map", "0:v", "-c", "copy", "-f", "rtp_mpegts",
            "-mpegts_muxer_options", f"muxrate={MUX_BPS}", "-rtp_muxer_options", "rtpflags=skip_rtcp",
            f"udp://{HOME_ADDRESS}:{RTP_PORT}?pkt_size={RTP_PAYLOAD + 12}&bitrate={RTP_BPS}"])

    def wait_received(self):
        wait_until(lambda: self.recording.exists() and self.recording.stat().st_size > 200_000, "the live video to arrive")

    def stop(self):
        """The sender first, so that everything sent has arrived when the recording ends."""
        self.sender.stop()
        size = -1

        def quiet():
            nonlocal size
            before, size = size, self.recording.stat().st_size
            return before == size

        wait_until(quiet, "the recording to end", interval=0.5)
        self.receiver.stop()


def decoded_frames(path):
    """Presentation times (90 kHz) of the frames that ffmpeg decodes from a transport stream."""
    text = run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "fatal", "-copyts", "-i", path, "-map", "0:v",
                "-fps_mode", "passthrough", "-enc_time_base", "1/90000", "-f", "framecrc", "-"], timeout=120).stdout
    return {int(match[1]) for match in re.finditer(r"^0,\s*-?\d+,\s*(-?\d+),", text, re.M)}
