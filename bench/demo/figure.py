"""build/demo/throughput.png: the paper's Fig. 5 from our samples."""

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from recompute import SAMPLE_S  # noqa: E402

LINES = (
    ("cellular", "cellular only", "#d95f02", "o", "cellular_mbps"),
    ("wifi", "WiFi only", "#1b6ca8", "s", "wifi_mbps"),
    ("both", "multihoming", "#2a8a4a", "^", "both_mbps"),
)


def draw(path, samples, numbers, paper):
    figure, axes = pyplot.subplots(figsize=(8, 4.5), dpi=130)
    for run, title, colour, marker, key in LINES:
        total = [sum(values) for values in zip(*samples[run].values())]
        times = [(index + 0.5) * SAMPLE_S for index in range(len(total))]
        axes.axhline(paper[key], color=colour, linewidth=0.9, linestyle=(0, (4, 4)), alpha=0.7)
        axes.plot(times, total, color=colour, marker=marker, markersize=4, linewidth=1.4,
                  label=f"{title}: {numbers[key]:.2f} Mbit/s (paper {paper[key]:.2f})")
    axes.set_xlabel("time in the measuring window, s")
    axes.set_ylabel("goodput, Mbit/s")
    axes.set_ylim(0, 22)
    axes.set_xlim(0, len(total) * SAMPLE_S)
    axes.set_title("Throughput: cellular only, WiFi only, both at once")
    axes.grid(alpha=0.25)
    axes.plot([], [], color="grey", linewidth=0.9, linestyle=(0, (4, 4)), label="dashed: the paper's averages")
    axes.legend(loc="center right", bbox_to_anchor=(1.0, 0.46), framealpha=0.95, fontsize=8.5)
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
