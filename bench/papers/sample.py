"""What paired samples say: means with 95 % intervals, differences and their significance."""

import math
import random
import statistics


def t_quantile(degrees):
    """97.5 % quantile of Student's t, within 0.5 % from three degrees on (Cornish and Fisher's expansion)."""
    z = 1.959964
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def interval(values):
    """(mean, half of the 95 % interval)."""
    if len(values) < 2:
        return (values[0] if values else math.nan), math.nan
    half = t_quantile(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values), half


def text(values, digits=2):
    mean, half = interval(values)
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def ratio(above, below):
    """Of means; without end where nothing is below: few drawn walks may all have carried nothing."""
    below = statistics.fmean(below)
    return statistics.fmean(above) / below if below else math.inf


def bootstrap(statistic, *columns, turns=500):
    """(value, low, high): a statistic of paired columns with its 95 % interval, rows drawn anew with replacement."""
    chance = random.Random(1)
    rows = range(len(columns[0]))
    values = []
    for _ in range(turns):
        drawn = chance.choices(rows, k=len(rows))
        values.append(statistic(*([column[i] for i in drawn] for column in columns)))
    return statistic(*columns), percentile(values, 0.025), percentile(values, 0.975)


def between(statistic, *columns, digits=2, scale=1):
    value, low, high = (scale * each for each in bootstrap(statistic, *columns))
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ratio_text(above, below, digits=2):
    """Of means, paired."""
    return between(ratio, above, below, digits=digits)


def median_text(values, digits=1, scale=1):
    return between(statistics.median, values, digits=digits, scale=scale)


def percentile_text(values, share, digits=1):
    return between(lambda drawn: percentile(drawn, share), values, digits=digits)


def significance(first, second, turns=20_000):
    """One-sided p of mean(first − second) > 0: how often the sum is as large when signs are thrown by chance."""
    differences = [a - b for a, b in zip(first, second)]
    whole = sum(differences)
    chance = random.Random(1)
    as_large = sum(sum(d if chance.random() < 0.5 else -d for d in differences) >= whole for _ in range(turns))
    return (as_large + 1) / (turns + 1)
