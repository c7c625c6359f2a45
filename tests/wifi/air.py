"""WiFi without radios: mac80211_hwsim carries frames between the radios of one kernel, hostapd and wpa_supplicant run on
them as on real ones. What a frame is heard with is its sender's power plus a number that its sender was given."""

import pathlib

from harness.process import wait_until

DEBUG = pathlib.Path("/sys/kernel/debug/ieee80211")
SSID, PASSPHRASE = "homeward", "a binding for every uplink"
EVERYBODY, NOBODY = 1, 0  # groups of radios that hear each other


class Radio:
    """A radio of mac80211_hwsim, moved into a namespace and named there."""

    def __init__(self, number, namespace, device):
        self.namespace, self.device = namespace, device
        self._debug = DEBUG / f"phy{number}" / "hwsim"
        namespace.topology.run_here("iw", "phy", f"phy{number}", "set", "netns", "name", namespace.full_name)
        namespace.ip("link", "set", f"wlan{number}", "name", device)

    @property
    def mac(self):
        return self.namespace.run("cat", f"/sys/class/net/{self.device}/address").stdout.strip()

    def heard_with(self, dbm):
        """From now on others receive this radio's frames with that strength. None of them is lost for being weak."""
        # The kernel reads the file as an unsigned number of 64 bits and uses the lower 32 with a sign.
        (self._debug / "rx_rssi").write_text(str(dbm % 2**64))

    def out_of_range(self, out):
        """Nobody hears it and it hears nobody; its devices notice nothing."""
        (self._debug / "group").write_text(str(NOBODY if out else EVERYBODY))


class AccessPoint(Radio):
    """hostapd on a radio, WPA2; its stations are on `bridge`."""

    def __init__(self, number, namespace, device, bridge, channel):
        super().__init__(number, namespace, device)
        self.channel = channel
        config = namespace.topology.directory / f"{device}.conf"
        config.write_text(f"interface={device}\nbridge={bridge}\nssid={SSID}\nhw_mode=g\nchannel={channel}\n"
                          f"wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_passphrase={PASSPHRASE}\n")
        self.process = namespace.start(device, ["hostapd", config])
        self.process.wait_ready(lambda: f"{device}: AP-ENABLED" in self.process.text(), "beaconing", 60)
        namespace.run("iw", "dev", device, "set", "txpower", "fixed", "0")  # 0 dBm, so that `heard_with` is the whole sum
        self.heard_with(-50)

    @property
    def frequency(self):
        return 2407 + 5 * self.channel


class Station(Radio):
    """wpa_supplicant on a radio. While it is associated it looks around only when told to: a radio that is on another channel
    loses a frame now and then, and these know no repetition."""

    def __init__(self, number, namespace, device, sockets, access_points):
        super().__init__(number, namespace, device)
        config = namespace.topology.directory / f"{device}.conf"
        channels = " ".join(str(point.frequency) for point in access_points)
        config.write_text(f'ctrl_interface={sockets}/wpa\nnetwork={{\n  ssid="{SSID}"\n  psk="{PASSPHRASE}"\n'
                          f'  scan_freq={channels}\n}}\n')
        self._sockets = sockets / "wpa"
        self.process = namespace.start("wpa_supplicant", ["wpa_supplicant", "-i", device, "-D", "nl80211", "-c", config])

    def ask(self, *words):
        """wpa_cli: {"bssid": …} and the like."""
        done = self.namespace.run("wpa_cli", "-p", self._sockets, "-i", self.device, *words, check=False)
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)

    def point(self):
        """MAC of the access point that it is associated with and may send to; None without one."""
        status = self.ask("status")
        return status.get("bssid") if status.get("wpa_state") == "COMPLETED" else None

    def wait_for(self, point, timeout=60):
        mac = point.mac
        wait_until(lambda: self.point() == mac, f"{self.device} associated with {point.device}", timeout, interval=0.2)

    def roam(self, point, timeout=90):
        """Looks around until it has moved to that access point; it does by itself when it hears it better."""
        mac = point.mac

        def moved():
            if self.point() == mac:
                return True
            self.ask("scan")  # refused while one goes on
            return False
        wait_until(moved, f"{self.device} moving to {point.device}", timeout, interval=1)

    def signal(self):
        """dBm of the access point's last frame, as nl80211 says; None without one."""
        lines = self.namespace.run("iw", "dev", self.device, "link").stdout.splitlines()
        return next((int(line.split()[1]) for line in lines if line.strip().startswith("signal:")), None)
