"""bench-handover counts rightly: on made-up logs, and on a move whose outcome is known.

    mn ──wlan0──[link]── ap ── core ── ha ── lan ── ftp
     └─rmnet0──[link]── cell ──┘
"""

import pathlib
import sys

import pytest

numpy = pytest.importorskip("numpy")
BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
sys.path[:0] = [str(BENCH / "handover"), str(BENCH)]

import goodput  # noqa: E402
from contestants import Routed, contestants  # noqa: E402
from harness.netns import Topology  # noqa: E402
from moves import Stage  # noqa: E402
from stream import RECORD, account, longest_silence_ms  # noqa: E402


def log(*arrivals):
    """Records of (number, received in ms); each was sent at its number in ms."""
    return numpy.array([(number, number * 10**6, received * 10**6) for number, received in arrivals], RECORD)


STEADY = [(n, n + 10) for n in range(100)]


@pytest.mark.parametrize(("arrivals", "start", "end", "silence"), [
    (STEADY, 0.020, 0.080, 1),
    ([a for a in STEADY if not 30 <= a[0] < 55], 0.030, 0.090, 26),  # lost: 39 … 65
    ([a for a in STEADY if not 30 <= a[0] < 55], 0.041, 0.043, 26),  # seen from within
    ([a for a in STEADY if not 30 <= a[0] < 55], 0.070, 0.090, 1),   # another's
    ([a for a in STEADY if a[0] < 30], 0.030, 0.500, 461),           # without end
])
def test_a_silence_is_the_longest_between_arrivals(arrivals, start, end, silence):
    assert longest_silence_ms(log(*arrivals), start, end) == pytest.approx(silence)


@pytest.mark.parametrize(("arrivals", "expected"), [
    (STEADY, {"sent": 60, "lost": 0, "duplicates": 0, "reordered": 0, "late_ms": 0}),
    ([a for a in STEADY if a[0] not in (30, 31)], {"sent": 60, "lost": 2, "duplicates": 0, "reordered": 0, "late_ms": 0}),
    (sorted([*STEADY, (40, 55)], key=lambda a: a[1]), {"sent": 60, "lost": 0, "duplicates": 1, "reordered": 1, "late_ms": 4}),
    # From 50 on the way is 7 ms shorter: 43 … 49 are overtaken, 43 by the least.
    (sorted([(n, n + (3 if n >= 50 else 10)) for n in range(100)], key=lambda a: (a[1], -a[0])),
     {"sent": 60, "lost": 0, "duplicates": 0, "reordered": 7, "late_ms": 6}),
])
def test_messages_are_accounted_for(arrivals, expected):
    assert account(log(*arrivals), 0.020, 0.080) == expected


def test_a_known_move_is_measured_as_what_it_is():
    """The far end learns of a cut by the first message over the other path: its own next one comes a round trip after the
    last. In a planned move nothing is lost."""
    contestant = Routed()
    with contestant.network():
        contestant.net.profile("equal")
        contestant.start()
        stage = Stage(contestant)
        cuts = stage.interruptions("cut", 2, 60, lambda _: None)
        assert all(20 <= silence < 1000 * contestant.patience for silence in cuts.interruptions_ms)
        moves = stage.planned(4, lambda _: None)
        for way in moves.accounts.values():
            assert (way["lost"], way["duplicates"]) == (0, 0)
            assert way["sent"] > 0


def test_options_that_a_build_does_not_know_are_named(tmp_path):
    hold = next(c for c in contestants() if c.name == "homeward_hold")
    hold.handover = {"no_such_option": True}
    assert "no_such_option" in hold.unmet_needs(tmp_path)


@pytest.mark.parametrize("transport", ["tcp", "mptcp"])
@pytest.mark.parametrize("way", ["up", "down"])
def test_bulk_flows_count_what_arrives(transport, way):
    program, words = ["/usr/bin/python3", "-B", goodput.BULK_FLOWS], [5201, 3, way, 0, 1]
    with Topology("bulk") as net:
        alone = net.namespace("alone")
        alone.link_up("lo")
        server = alone.start("serve", [*program, "serve", transport, "127.0.0.1", *words])
        server.wait_for_output("ready")
        client = alone.start("connect", [*program, "connect", transport, "127.0.0.1", "127.0.0.1", *words])
        receiver = client if way == "down" else server
        assert receiver.wait() == 0, receiver.text()
        carried = alone.counters("lo")[0] * 8 / 1e6
        assert 0.5 * carried < float(receiver.text().split()[-1]) < carried
