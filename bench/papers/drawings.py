"""The papers' figures, drawn anew."""

import statistics

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from sample import interval


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def throughput(path, runs):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    for name, rows in runs.items():
        axes.plot(rows["series"], label=f"{name}: {statistics.fmean(rows['mbps']):.2f} Mbps")
    for mbps in (3.61, 14.67, 17.82):
        axes.axhline(mbps, linestyle=":", color="grey", linewidth=1)
    axes.set(xlabel="s", ylabel="Mbps", ylim=(0, 20), title="dotted: the paper's means")
    axes.legend()
    save(figure, path)


def strolls(path, manners):
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4))
    for axes, key, label in ((left, "pictures", "pictures lost a handover"), (right, "longest_s", "longest gap of a run, s")):
        values = [interval(rows[key]) for rows in manners.values()]
        axes.barh(list(manners), [m for m, _ in values], xerr=[h for _, h in values])
        axes.invert_yaxis()
        axes.set(xlabel=label)
    save(figure, path)


def by_handoff(path, methods):
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for name, rows in methods.items():
        axes.plot(rows["by_handoff"], label=name)
    axes.set(xlabel="handoffs", ylabel="mean throughput so far, Mbps", xscale="symlog")
    axes.legend()
    save(figure, path)


def offload(path, methods):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    names = ["closed-loop", "heuristic", "manual"]
    apps = list(methods[names[0]]["offload"])
    for number, name in enumerate(names):
        values = [interval([v for v in methods[name]["offload"][app] if v >= 0]) for app in apps]
        axes.bar([i + 0.27 * (number - 1) for i in range(len(apps))], [mean for mean, _ in values], 0.25,
                 yerr=[half for _, half in values], label=name)
    axes.set_xticks(range(len(apps)), apps)
    axes.set(ylabel="bytes over WLAN, of all", ylim=(0, 1))
    axes.legend()
    save(figure, path)


def learning(path, ways):
    figure, axes = pyplot.subplots(figsize=(6, 4))
    for name, rows in ways.items():
        values = [interval([row[i] for row in rows]) for i in range(len(rows[0]))]
        axes.errorbar(range(len(values)), [mean for mean, _ in values], [half for _, half in values], label=name)
    axes.set(xlabel="scores", ylabel="‖F − F*‖₁", ylim=(0, None))
    axes.legend()
    save(figure, path)


def walk(path, points):
    figure, axes = pyplot.subplots(figsize=(8, 3))
    axes.plot(*zip(*points["fixed"]), "o-", label="fixed", markersize=4)
    axes.plot(*zip(*points["predicted"]), "x-", label="predicted", markersize=5)
    axes.set(xlabel="m east", ylabel="m north")
    axes.legend()
    save(figure, path)


def errors(path, rows):
    figure, axes = pyplot.subplots(figsize=(6, 4))
    for key, label in (("to_fix", "PMP, to the fix"), ("to_truth", "PMP, to the truth"), ("persistence", "stays"),
                       ("dead_reckoning", "dead reckoning")):
        values = [interval(row[key]) for row in rows]
        axes.errorbar([row["lookahead"] for row in rows], [m for m, _ in values], [h for _, h in values], label=label)
    axes.plot([1, 5], [8, 14], "k*", label="paper")
    axes.set(xlabel="steps of 5 s ahead", ylabel="mean error, m", ylim=(0, None))
    axes.legend()
    save(figure, path)


def methods(path, rows, title):
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    names = sorted(rows, key=lambda name: statistics.fmean(rows[name]["goodput"]))
    for axes, key, label in ((left, "goodput", "Mbps"), (right, "handovers", "handovers a walk")):
        values = [interval(rows[name][key]) for name in names]
        axes.barh(names, [m for m, _ in values], xerr=[h for _, h in values])
        axes.set(xlabel=label, title=title)
    save(figure, path)


def series(path, example):
    figure, axes = pyplot.subplots(figsize=(9, 4))
    for name in ("conventional", "pmp", "hybrid", "mptcp"):
        axes.plot(example[name]["mbps"], label=name, linewidth=1)
    axes.set(xlabel="s", ylabel="Mbps")
    axes.legend()
    save(figure, path)


def front(path, event):
    figure, axes = pyplot.subplots(figsize=(7, 5))
    for name, marker in (("ga10", "."), ("ga100", "x"), ("ga500", "+")):
        axes.plot(*zip(*event[name]), marker, label=name.replace("ga", "GA-"), alpha=0.7)
    axes.plot(*zip(*event["exact"]), "o-", label="exact", fillstyle="none")
    axes.set(xlabel="power, W", ylabel="bandwidth missing, Mbps")
    axes.legend()
    save(figure, path)


def growth(path, sizes):
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    names = [f"{size['flows']}×{size['interfaces']}" for size in sizes]
    for key in ("ga10", "ga100", "ga500", "exact"):
        values = [interval(size[key]["points"]) for size in sizes]
        left.errorbar(names, [mean for mean, _ in values], [half for _, half in values], fmt="o-", label=key)
        right.plot(names, [statistics.median(size[key]["us"]) / 1000 for size in sizes], "o-", label=key)
    left.set(ylabel="distinct solutions", xlabel="flows × interfaces")
    right.set(ylabel="ms", yscale="log", xlabel="flows × interfaces")
    left.legend()
    save(figure, path)


def moves(path, rows):
    figure, axes = pyplot.subplots(figsize=(8, 4))
    values = [interval(row["moves"]) for row in rows]
    axes.barh([row["name"] for row in rows], [m for m, _ in values], xerr=[h for _, h in values])
    axes.invert_yaxis()
    axes.set(xlabel="moves an event")
    save(figure, path)
