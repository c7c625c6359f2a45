"""Drawings of figures."""

import statistics


def draw_lines(path, title, x_label, lines):
    """`lines`: name → [(x, cycles)], on a logarithmic x axis."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name, points in lines.items():
        axes.plot(*zip(*points), marker="o", label=name)
    axes.set(xscale="log", xlabel=x_label, ylabel="TSC cycles a packet", title=title, ylim=(0, None))
    axes.grid(alpha=0.3)
    _finish(pyplot, figure, axes, path)


def draw_bars(path, title, names, series):
    """Horizontal bars, a group for each name. `series`: label → one list of values for each name; a bar is their median,
    its whisker their range; an empty list makes no bar."""
    pyplot = _pyplot()
    height = 0.8 / len(series)
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.4 * len(names)))
    for number, (label, columns) in enumerate(series.items()):
        bars = [(place, statistics.median(values), min(values), max(values)) for place, values in enumerate(columns) if values]
        places = [place + (number - (len(series) - 1) / 2) * height for place, *_ in bars]
        whiskers = [[median - low for _, median, low, _ in bars], [high - median for _, median, _, high in bars]]
        axes.barh(places, [median for _, median, _, _ in bars], height, xerr=whiskers, label=label,
                  error_kw={"elinewidth": 0.8, "ecolor": "0.3"})
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_title(title)
    axes.grid(axis="x", alpha=0.3)
    _finish(pyplot, figure, axes, path)


def draw_arrivals(path, title, panels):
    """Sequence over time around an event, a panel for each name. `panels`: name → (event with start and end in seconds,
    way → records with number and received in nanoseconds). A message that never came leaves a hole."""
    pyplot = _pyplot()
    figure, grid = pyplot.subplots(len(panels), 1, figsize=(9, 1 + 2.2 * len(panels)), sharex=False, squeeze=False)
    for axes, (name, (event, ways)) in zip(grid[:, 0], panels.items()):
        begin, end = event.start - 0.1, min(event.end + 0.1, event.start + 20)
        for way, records in ways.items():
            kept = records[(records["received"] >= begin * 1e9) & (records["received"] < end * 1e9)]
            if len(kept):
                axes.plot(kept["received"] / 1e6 - event.start * 1e3, kept["number"] - kept["number"][0], ".", ms=2, label=way)
        axes.axvline(0, color="0.5", lw=0.8)
        axes.set(ylabel=f"{name}\nnumber")
        axes.grid(alpha=0.3)
    grid[0, 0].set_title(title)
    grid[-1, 0].set_xlabel("ms after the event")
    _finish(pyplot, figure, grid[0, 0], path)


def _pyplot():
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    return pyplot


def _finish(pyplot, figure, axes, path):
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
