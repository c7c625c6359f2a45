#!/usr/bin/python3
"""tests/wifi/run.py --junitxml=FILE: boots a guest whose kernel simulates radios and runs test_wifi.py in it; exit 77 when
there can be no guest. Root."""

import os
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from guest import machine  # noqa: E402
from harness import build, homeward, netns  # noqa: E402

# One radio of the station, two of access points.
RADIOS = 3
PROGRAMS = ("hostapd", "wpa_supplicant", "wpa_cli", "iw")


def unmet_needs():
    return netns.unmet_needs() or homeward.unmet_needs() or machine.unmet_needs(PROGRAMS)


def prepare(guest):
    """What a machine with a WiFi card and an installed system has."""
    guest.run("mount -t debugfs debugfs /sys/kernel/debug && mount -t bpf bpf /sys/fs/bpf")
    guest.run(f"modprobe mac80211_hwsim radios={RADIOS} && rfkill unblock all 2>/dev/null; iw phy")


def run_tests(guest, arguments):
    """Runs pytest there, shows what it prints while it does, and returns its exit code and record."""
    guest.run("mkdir /run/tests")
    command = (f"HOMEWARD_BUILD={build.build_directory()} PYTHONDONTWRITEBYTECODE=1 HOMEWARD_PATIENCE=8 "
               f"/usr/bin/python3 -m pytest -v -s -x --color=no -p no:cacheprovider --junitxml=/run/tests/record.xml "
               f"{HERE / 'test_wifi.py'} {' '.join(arguments)}")
    guest.write("/run/tests/run", f"{command}\necho $? >/run/tests/status\n")
    guest.start("sh /run/tests/run")
    shown = 0
    while True:
        status = guest.run("cat /run/tests/status 2>/dev/null", check=False).strip()
        text = guest.console.text()
        print(text[shown:].replace("\r", ""), end="", flush=True)
        shown = len(text)
        if status:
            return int(status), guest.run("cat /run/tests/record.xml", check=False)
        time.sleep(1)


def main():
    reason = unmet_needs()
    if reason:
        print(reason)
        return 77
    (record,) = [word.split("=", 1)[1] for word in sys.argv[1:] if word.startswith("--junitxml=")] or [os.devnull]
    arguments = [word for word in sys.argv[1:] if not word.startswith("--junitxml=")]
    with netns.Topology("wifi-host") as net, tempfile.TemporaryDirectory(prefix="homeward-wifi-") as sockets:
        guest = machine.Guest(net.namespace("qemu"), pathlib.Path(sockets), build.build_directory() / "guest-kernel")
        prepare(guest)
        status, text = run_tests(guest, arguments)
    pathlib.Path(record).write_text(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
