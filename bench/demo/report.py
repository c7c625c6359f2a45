"""What must hold, and the table of the paper's numbers beside ours."""

from network import PAPER

SHARE_FLOOR = 0.985
GAIN_FLOOR = 1.22
GAP_LIMIT_MS = 20.0
LEAST_HANDOVERS = 10
APPLICATION_TOLERANCE = 0.03


def failures(results):
    """One sentence for each thing that does not hold."""
    handover, wrong = results["handover"], []
    planned, cuts = handover["planned"], handover["cut"]
    if results["steering"] != "bpf":
        wrong.append(f"classification fell back to user space: {results['steering_reason']}")
    if results["bpf_steering_packets"] < results["packets_up"]:
        wrong.append(f"the BPF program classified {results['bpf_steering_packets']} packets, {results['packets_up']} went up")
    if not results["dpdk_driver"]:
        wrong.append("no DPDK driver was seen at work in the data plane")
    if results["share_of_sum"] < SHARE_FLOOR:
        wrong.append(f"both / (WiFi + cellular) is {results['share_of_sum']:.3f}, must be at least {SHARE_FLOOR}")
    if results["gain_over_wifi"] < GAIN_FLOOR:
        wrong.append(f"both / WiFi is {results['gain_over_wifi']:.3f}, must be at least {GAIN_FLOOR}")
    for run, mbps in results["application_mbps"].items():
        ours = results[f"{run}_mbps"]
        if abs(ours - mbps) > APPLICATION_TOLERANCE * ours:
            wrong.append(f"{run}: the captures say {ours:.2f} Mbit/s, the applications {mbps:.2f}")
    if min(len(planned), len(cuts)) < LEAST_HANDOVERS:
        wrong.append(f"{len(planned)} planned moves and {len(cuts)} cuts, must be {LEAST_HANDOVERS} each")
    for number, move in enumerate(planned, 1):
        if move["packets_lost"] or move["video_frames_lost"]:
            wrong.append(f"planned move {number} lost {move['packets_lost']} packets, {move['video_frames_lost']} frames")
        if move["from"] == move["to"]:
            wrong.append(f"planned move {number} moved nothing: the video stayed on {move['to']}")
    for number, cut in enumerate(cuts, 1):
        limit = GAP_LIMIT_MS + cut["path_rtt_ms"]
        if cut["gap_ms"] > limit:
            wrong.append(f"cut {number}: gap of {cut['gap_ms']:.1f} ms, must be at most {limit:.1f} ms")
        if not cut["tcp_survived"]:
            wrong.append(f"cut {number}: the TCP session stood still")
        if (cut["from"], cut["to"]) != ("wlan", "cellular"):
            wrong.append(f"cut {number}: the video went from {cut['from']} to {cut['to']}")
    return wrong


def table(results):
    """The closing table as text."""
    handover = results["handover"]
    planned, cuts, returns, video = (handover[key] for key in ("planned", "cut", "return", "video"))
    worst = max(cuts, key=lambda cut: cut["gap_ms"] - cut["path_rtt_ms"])
    rows = [
        ("", "paper", "here", "must hold"),
        ("cellular only, Mbit/s", f"{PAPER['cellular_mbps']:.2f}", f"{results['cellular_mbps']:.2f}", ""),
        ("WiFi only, Mbit/s", f"{PAPER['wifi_mbps']:.2f}", f"{results['wifi_mbps']:.2f}", ""),
        ("both at once, Mbit/s", f"{PAPER['both_mbps']:.2f}", f"{results['both_mbps']:.2f}", ""),
        ("both / WiFi", "1.21", f"{results['gain_over_wifi']:.3f}", f">= {GAIN_FLOOR}"),
        ("both / (WiFi + cellular)", "0.975", f"{results['share_of_sum']:.3f}", f">= {SHARE_FLOOR}"),
        (f"{len(planned)} planned moves: packets lost", "", str(_total(planned, "packets_lost")), "0"),
        ("   video frames lost", '"no obvious"', str(_total(planned, "video_frames_lost")), "0"),
        (f"{len(cuts)} cuts: longest gap, ms", "", f"{worst['gap_ms']:.1f}", f"<= {GAP_LIMIT_MS + worst['path_rtt_ms']:.1f}"),
        ("   median gap, ms", "", f"{_median([cut['gap_ms'] for cut in cuts]):.1f}", ""),
        ("   packets / frames lost per cut", "",
         f"{_total(cuts, 'packets_lost') / len(cuts):.1f} / {_total(cuts, 'video_frames_lost') / len(cuts):.1f}", ""),
        ("   TCP session survived", "", f"{_total(cuts, 'tcp_survived')} of {len(cuts)}", f"{len(cuts)}"),
        (f"{len(returns)} returns to WiFi: packets lost", "", str(_total(returns, "packets_lost")), ""),
        ("video frames decoded / sent", "", f"{video['frames_decoded']} / {video['frames_sent']}", ""),
    ]
    return "\n".join(f"  {name:36s}{paper:>14s}{ours:>14s}   {must}".rstrip() for name, paper, ours, must in rows)


def _total(handovers, key):
    return sum(numbers[key] for numbers in handovers)


def _median(values):
    return sorted(values)[len(values) // 2]
