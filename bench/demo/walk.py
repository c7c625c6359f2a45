"""The walk that engines are compared on: away from a WiFi access point and back, under a cellular network."""

import math
import random

WIFI_AT, CELL_AT, FAR_END = 0.0, 130.0, 110.0
LATITUDE, LONGITUDE = 22.3, 114.2
METRES_PER_DEGREE = 111_320.0
CELLULAR_MBPS, CELLULAR_DBM, CELLULAR_COST = 3.61, -75, 0.02
WIFI_MBPS = 14.67
HEADER = "# mn-trace v1\nt_s,iface,tech,bssid,connected,rssi_dbm,rate_mbps,lat,lon,acc_m,battery,cost_per_mb"
BSSID = "02:00:00:00:00:01"


def position(t, seconds):
    """Metres from the access point: out and back at an even pace."""
    half = seconds / 2
    return FAR_END * (t / half if t <= half else (seconds - t) / half)


def steps(seconds, seed=1):
    """One a second: {t, metres, rssi_dbm, wifi_mbps}; the same for every engine."""
    noise, shadow, out = random.Random(seed), 0.0, []
    for t in range(seconds):
        metres = position(t, seconds)
        shadow = 0.9 * shadow + math.sqrt(1 - 0.81) * 3 * noise.gauss(0, 1)
        rssi = 20 - 40 - 33 * math.log10(max(metres, 1)) + shadow + noise.gauss(0, 1)
        rssi = min(max(rssi, -100), -30)
        # What a WLAN carries: all of it above 20 dB over the noise, nothing below 4.
        share = min(max((rssi + 89 - 4) / 16, 0.0), 1.0)
        out.append({"t": t, "metres": metres, "rssi_dbm": rssi, "wifi_mbps": WIFI_MBPS * share})
    return out


def trace(walk):
    """The walk as links.csv, with positions."""
    rows = [HEADER]
    for step in walk:
        latitude = LATITUDE
        longitude = LONGITUDE + step["metres"] / (METRES_PER_DEGREE * math.cos(math.radians(LATITUDE)))
        rows.append(f"{step['t']},wlan0,wlan,{BSSID},1,{step['rssi_dbm']:.1f},{step['wifi_mbps']:.2f},"
                    f"{latitude:.6f},{longitude:.6f},5,0.6,0")
        rows.append(f"{step['t']},rmnet0,lte,,1,{CELLULAR_DBM},{CELLULAR_MBPS},,,,,{CELLULAR_COST}")
    return "\n".join(rows) + "\n"


def site():
    """What `pmp` and `hybrid` are told: the cellular network is an access point behind the walk's far end."""
    return {"latitude": LATITUDE, "longitude": LONGITUDE, "path": [[0, 0], [FAR_END, 0]],
            "points": [{"uplink": "wlan", "bssid": BSSID, "at": [WIFI_AT, 0]},
                       {"uplink": "cellular", "at": [CELL_AT, 0]}]}
