"""The report on the selection papers: report.md, report.html and drawings."""

import html
import statistics

import drawings
import statements
from sample import median_text, percentile, percentile_text, ratio_text, text

CONDITIONS_000 = """Packets over two simulated networks; the rates are those that the paper measured of each alone, delays
(10 and 80 ms) and queues are ours, and so is a service time that varies by half. Files come over TCP with selective
acknowledgements, the video is 2 Mbps of UDP, 30 pictures a second, each due after half a second. Handover: half an hour
of walking to 95 m from the access point and back, shadowing 6 dB over 10 m, which is harsher than a corridor. “Both
registered” keeps 3G up, so that a change takes one round trip; the others wake it (2 s); break before make also gets a
new address and a new session; “leaves when lost” takes WLAN whenever it is there. Seven packets are reordered where
the 3G queue is overtaken on the way back: the simulated home agent holds nothing back. The real daemons, on shaped
namespaces: `make demo`."""
CONDITIONS_001 = """Every formula of the paper is lost; engine, users, surroundings and numbers are reconstructions. Five
users with hidden wishes live days at home, in the office and between; signals wander with rooms, one WLAN in five is
crowded at a time, WCDMA carries 0.15 to 2 Mbps. A rate is known of the link in use only. The person of “manual” looks
at the phone four times a day and switches WLAN on where a known network is around, off where it is lost; one who leaves
it on is a row of its own, and comes close to the heuristic or above it. The orderings depend on these
surroundings."""
CONDITIONS_002 = """Two scenarios, never to be quoted without their name. `plausible`: path loss exponent 3.3, shadowing
6 dB over 10 m, one second without traffic at every handover. `stress-fit`: constants that were searched until the
ratios came near the paper's: twenty seconds of outage at every conventional handover, which then leaves at −65 dBm, and
a TCP that collapses below 25 dB. That a fit exists says that very long outages explain the paper's factor, not that
they were there. Throughput follows the signal without its fast fading; measured samples carry it. MPTCP is the
conventional method and LTE under a lowest-round-trip scheduler; LTE's rate is the one that the paper's two ratios
imply. `corridor` is `plausible` with walks from either end, half of which turn back at a random place. The engine `pmp`
is of first order here, as in the paper, where nothing else is said."""
CONDITIONS_003 = """Rates of arrival, bandwidths, demands and radio powers are not in the paper. Six flows in ten browse
(UMTS 30.03), four are videos; half the interfaces are 3G, half WLAN, with the radio profiles of ARO “Aria”. Time is
processor time of one thread. The long run has 30 s of reading time and at most nine flows, so that the exact front of
every event is known."""


class Report:
    """Blocks that are written twice: as Markdown and as HTML."""

    def __init__(self):
        self.markdown, self.body = [], []

    def heading(self, title, level=2):
        self.markdown.append(f"{'#' * level} {title}\n")
        self.body.append(f"<h{level}>{html.escape(title)}</h{level}>")

    def paragraph(self, words):
        self.markdown.append(words + "\n")
        self.body.append(f"<p>{html.escape(words).replace('`', '')}</p>")

    def table(self, head, rows):
        rows = [[str(cell) for cell in row] for row in rows]
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        self.markdown.append("\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n")
        cells = "".join(f"<th>{html.escape(each)}</th>" for each in head)
        lines = ["".join(f"<td>{html.escape(cell).replace('**', '')}</td>" for cell in row) for row in rows]
        self.body.append(f"<table><tr>{cells}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>")

    def image(self, name, caption):
        self.markdown.append(f"![{caption}]({name})\n")
        self.body.append(f"<figure><img src='{name}' alt='{html.escape(caption)}'>"
                         f"<figcaption>{html.escape(caption)}</figcaption></figure>")

    def write(self, directory):
        (directory / "report.md").write_text("\n".join(self.markdown))
        style = ("body{font:16px sans-serif;max-width:60em;margin:2em auto}table{border-collapse:collapse}"
                 "td,th{border:1px solid #999;padding:.3em .6em;text-align:left}img{max-width:100%}")
        (directory / "report.html").write_text(
            "<!doctype html><meta charset='utf-8'><title>Selection papers, repeated</title>"
            f"<style>{style}</style>" + "\n".join(self.body) + "\n")
        return directory / "report.html"


def write(directory, results):
    report = Report()
    report.heading("Selection papers, repeated", 1)
    report.paragraph(f"{results['seeds']} paired repetitions; ± is the 95 % interval of a mean, “(a to b)” that of a ratio, a "
                     "median or a percentile, by drawing repetitions anew; p is one-sided, by "
                     "throwing the signs of paired differences. Made by `make papers`.")
    head = ("claim", "paper", "ours", "verdict")
    report.heading("000: two networks at once, and handover between them")
    report.table(head, statements.multihoming(results))
    multihoming_details(report, directory, results["000"])
    report.paragraph("Conditions. " + " ".join(CONDITIONS_000.split()))
    report.heading("001: handoff in a closed loop with the user")
    report.table(head, statements.closed_loop(results))
    closed_loop_details(report, directory, results["001"])
    report.paragraph("Conditions. " + " ".join(CONDITIONS_001.split()))
    report.heading("002: progressive mobility prediction")
    report.table(head, statements.mobility(results))
    mobility_details(report, directory, results["002"])
    report.paragraph("Conditions. " + " ".join(CONDITIONS_002.split()))
    report.heading("003: flows to interfaces as a Pareto front")
    report.table(head, statements.assignment(results))
    assignment_details(report, directory, results["003"])
    report.paragraph("Conditions. " + " ".join(CONDITIONS_003.split()))
    report.heading("Decisions")
    report.table(("engine", "median µs", "p99 µs", "longest µs"),
                 [(name, median_text(times), percentile_text(times, 0.99), f"{max(times):.1f}")
                  for name, times in results["decisions"].items()])
    report.heading("Decisions in the agent")
    report.paragraph("From what the agent sees of eight uplinks and 64 flows to its plan for the policy; processor time.")
    report.table(("engine", "median µs", "p99 µs", "longest µs"),
                 [(name, median_text(times), percentile_text(times, 0.99), f"{max(times):.1f}")
                  for name, times in results["agent_decisions"].items()])
    return report.write(directory)


def multihoming_details(report, directory, results):
    report.table(("manner of handover", "handovers a run", "pictures lost", "packets lost", "reordered", "longest gap, s"),
                 [(name, text(rows["handovers"], 1), *(text(rows[key]) for key in ("pictures", "lost", "reordered", "longest_s")))
                  for name, rows in results["strolls"].items()])
    report.paragraph("Pictures and packets are of one handover.")
    report.table(("access point off", "pictures lost", "packets lost", "longest gap of the video, s", "of the file, s"),
                 [(name, text(rows["pictures"], 1), text(rows["lost"], 1), text(rows["gap_s"], 3),
                   text(rows["file_gap_s"], 3) if "file_gap_s" in rows else "–")
                  for name, rows in results["power_cuts"].items()])
    drawings.throughput(directory / "000_throughput.png", results["throughput"])
    report.image("000_throughput.png", "Throughput over 3G, WLAN and both (Fig. 5)")
    drawings.strolls(directory / "000_handover.png", results["strolls"])
    report.image("000_handover.png", "What a video loses in handover (Fig. 6 has no numbers)")


def closed_loop_details(report, directory, results):
    methods = results["methods"]
    report.table(("method", "Mbps", "of what was asked", "handoffs", "interruptions", "J a day", "J in 30 min video", "cost"),
                 [(name, text(rows["mbps"], 3), text(rows["satisfied"], 3), text(rows["handoffs"], 1),
                   text(rows["interruptions"], 1), text(rows["joules"], 0), text(rows["video_30min_joules"], 0),
                   text(rows["cost"], 1)) for name, rows in methods.items()])
    drawings.by_handoff(directory / "001_handoffs.png", methods)
    report.image("001_handoffs.png", "Mean throughput so far at each handoff of one day (Fig. 5)")
    drawings.offload(directory / "001_offload.png", methods)
    report.image("001_offload.png", "Offload ratio by application (Fig. 6)")
    drawings.learning(directory / "001_learning.png", results["learning"])
    report.image("001_learning.png", "Distance to the user's wishes by scores given")


def mobility_details(report, directory, results):
    for name, scenario in results["scenarios"].items():
        best = scenario["methods"]["clairvoyant"]["goodput"]
        rows = []
        for method, each in sorted(scenario["methods"].items(), key=lambda item: -statistics.fmean(item[1]["goodput"])):
            others = [text(each[key]) if key in each else "–" for key in ("median", "p5", "ping_pongs", "interruptions", "interrupted_s", "longest_s")]
            share = "–" if method == "mptcp" else ratio_text(each["goodput"], best, 3)
            rows.append((method, text(each["goodput"]), *others[:2], share, text(each["handovers"]), *others[2:], text(each["lost"], 0),
                         text(each["joules"], 0), ratio_text(each["joules"], each["megabytes"])))
        report.heading(f"Scenario {name}", 3)
        report.table(("method", "Mbps", "median", "p5", "of clairvoyant", "handovers", "ping-pongs", "interruptions",
                      "s without traffic", "longest s",
                      "packets lost", "J", "J/MB"), rows)
        report.table(("look-ahead", "m to the fix", "p90", "m to the truth", "p90", "stays where it is", "dead reckoning"),
                     [(row["lookahead"], *(text(row[key]) for key in ("to_fix", "to_fix_p90", "to_truth", "to_truth_p90",
                                                                      "persistence", "dead_reckoning")))
                      for row in scenario["predictions"]])
        drawings.walk(directory / f"002_{name}_walk.png", scenario["walk"])
        report.image(f"002_{name}_walk.png", f"Predicted and fixed positions, {name} (Fig. 4)")
        drawings.errors(directory / f"002_{name}_errors.png", scenario["predictions"])
        report.image(f"002_{name}_errors.png", f"Error by look-ahead, {name} (Fig. 5)")
        drawings.methods(directory / f"002_{name}_methods.png", scenario["methods"], name)
        report.image(f"002_{name}_methods.png", f"Throughput and handovers, {name} (Figs. 6 and 7)")
        drawings.series(directory / f"002_{name}_series.png", scenario["example"])
        report.image(f"002_{name}_series.png", f"One walk second by second, {name} (Fig. 8)")


    report.heading("Headings", 3)
    report.table(("scenario", "order", "look-ahead", "m to the fix", "m to the truth", "p90", "Mbps", "handovers", "ping-pongs"),
                 [(row["scenario"], row["order"], each["lookahead"], text(each["to_fix"]), text(each["to_truth"]),
                   text(each["to_truth_p90"]), text(row["walks"]["goodput"]), text(row["walks"]["handovers"]),
                   text(row["walks"]["ping_pongs"]))
                  for row in results["goals"]["orders"] for each in row["predictions"]])


def assignment_details(report, directory, results):
    rows = []
    for size in results["approximation"]:
        for name in ("ga10", "ga100", "ga500", "improved10", "improved100", "improved500"):
            each = size[name]
            rows.append((f"{size['flows']}×{size['interfaces']}", name.replace("ga", "GA-").replace("ved", "ved-"), text(each["recall"], 3),
                         text(each["precision"], 3), text(each["hypervolume"], 5), text(each["igd_plus"], 4),
                         median_text(each["us"], 2, 1e-3), median_text(size["exact"]["us"], 3, 1e-3)))
    report.table(("size", "method", "recall", "precision", "hypervolume", "IGD+", "ms", "exact front, ms"), rows)
    report.table(("beyond the exact front", "method", "points", "ms"),
                 [(f"{row['flows']}×{row['interfaces']}", f"GA-{row['generations']}", text(row["points"], 1),
                   median_text(row["us"], 2, 1e-3)) for row in results["beyond_exact"]])
    one = results["millisecond"]
    report.paragraph(f"Greedy starts and NSGA-II with 20 flows on 3 interfaces in one millisecond: hypervolume "
                     f"{text(one['hypervolume'], 4)}, worst {min(one['hypervolume']):.4f}.")
    branch_details(report, results["branch"])
    report.table((f"long run of {results['events']} events", "moves an event", "W", "Mbps short", "above the least, of demand", "µs"),
                 [(row["name"], text(row["moves"]), text(row["power_w"], 3), text(row["shortfall"], 3),
                   text(row["above_least"], 3), median_text(row["us"], 0)) for row in results["long_run"]])
    drawings.front(directory / "003_front.png", results["event"])
    report.image("003_front.png", "One event, 8 flows on 4 interfaces (Fig. 1)")
    drawings.growth(directory / "003_growth.png", results["approximation"])
    report.image("003_growth.png", "Diversity and time by size (Figs. 2a, 2b)")
    drawings.moves(directory / "003_moves.png", results["long_run"])
    report.image("003_moves.png", "Moves an event in the long run (Fig. 2c)")


def branch_details(report, branch):
    report.paragraph("Branch and bound with distinct flows, from greedy starts: how often it ends within so many nodes, and is "
                     "exact then.")
    report.table(("size", "nodes allowed", "ended", "median nodes", "median ms", "p99 ms"),
                 [(f"{row['flows']}×{row['interfaces']}", row["budget"], f"{100 * statistics.fmean(row['ended']):.0f} %",
                   f"{statistics.median(row['nodes']):.0f}", median_text(row["us"], 3, 1e-3),
                   f"{percentile(row['us'], 0.99) / 1000:.2f}") for row in branch["searches"]])
    report.paragraph("Hypervolume after one millisecond, NSGA-II from greedy starts alone and after a search of the usual budget: "
                     + "; ".join(f"{row['flows']}×{row['interfaces']} {text(row['genetic'], 4)}, {text(row['searched'], 4)}"
                                 for row in branch["millisecond"]) + ".")
