#include "handover/path_watch.h"

#include <algorithm>
#include <utility>

namespace homeward::handover {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLinger = 1s;          // without data, a path counts as idle
constexpr Duration kBusyRhythm = 10ms;    // of reading counters under traffic: how exactly we know when data came
constexpr Duration kStall = 50ms;         // woken so much too late, we learned nothing meanwhile
constexpr Duration kIdleRhythm = 200ms;   // how late we notice that traffic began
constexpr Duration kLongestSpacing = 1s;  // between probes when nobody answers
constexpr Duration kRefreshSpacing = 1s;  // RFC 5944 §3.6.3
constexpr Duration kAskPatience = 1s;
constexpr Duration kLongestAskSpacing = 8s;
constexpr unsigned kMeasureEvery = 10;  // intervals

}  // namespace

PathWatch::PathWatch(std::vector<Duration> wake_ups, PathSettings settings)
    : settings_(settings), slots_(wake_ups.size()) {
    for (std::size_t slot = 0; slot < wake_ups.size(); ++slot) {
        slots_[slot].wake_up = wake_ups[slot];
    }
}

void PathWatch::start(unsigned slot, Duration now) {
    Slot& path = slots_[slot];
    if (path.state == State::watched || settings_.interval == Duration{}) {
        return;
    }
    path.state = State::watched;
    path.probes.fill({.answered = true});
    path.traffic_at.reset();
    path.doubt_at.reset();
    path.proven_at.reset();
    path.heard_at = path.quiet_since = path.awake_at = now;  // the registration's reply
    probe(slot, now);
}

void PathWatch::stop(unsigned slot) {
    slots_[slot].state = State::off;
}

/// `repaired`: by our registration, so that what was unanswered says nothing about the path's ordinary loss.
void PathWatch::live(Slot& path, Duration now, bool repaired) {
    if (run(path) >= settings_.unanswered) {
        forgive_others(path);
    }
    path.heard_at = path.quiet_since = now;
    path.doubt_at.reset();
    path.proven_at.reset();
    for (Probe& probe : path.probes) {
        if (probe.open && (probe.overdue || repaired)) {
            probe.open = false;
            probe.counted = !repaired;
            if (probe.counted) {
                path.quality.lost();
            }
        }
    }
}

void PathWatch::traffic(unsigned slot, std::uint64_t sent, std::uint64_t received, Duration now) {
    Slot& path = slots_[slot];
    const bool got = std::exchange(path.received, received) != received;
    const bool gave = std::exchange(path.sent, sent) != sent;
    if (path.state != State::watched) {
        return;
    }
    if ((got || gave) && !active(path, now)) {
        path.awake_at = now + path.wake_up;
        path.quiet_since = now;  // what was heard long ago says nothing about now
    }
    if (got || gave) {
        path.traffic_at = now;
    }
    if (got) {
        live(path, now);
    }
}

void PathWatch::unread(unsigned slot, bool waiting) {
    Slot& path = slots_[slot];
    path.waited = path.unread || waiting;
    path.unread = waiting;
}

void PathWatch::heard(unsigned slot, Duration now) {
    Slot& path = slots_[slot];
    if (path.state == State::watched) {
        live(path, now, path.refreshed_at && *path.refreshed_at > path.heard_at);
    } else if (path.state == State::dead && path.asking) {
        path.asking = false;
        path.ask_spacing = ask_rhythm();
        path.ask_at = now + path.ask_spacing;
        if (!std::exchange(path.answers, true)) {
            actions_.emplace_back(PathVerdict{slot, true});
        }
    }
}

void PathWatch::answered(unsigned slot, std::uint32_t number, Duration now) {
    Slot& path = slots_[slot];
    Probe& probe = path.probes[number % path.probes.size()];
    if (path.state != State::watched || probe.number != number || std::exchange(probe.answered, true)) {
        return;
    }
    // Late ones, too: that is how the path's patience grows with its queues. But not with the node's own.
    const Duration round_trip = now - probe.sent_at;
    if (probe.counted) {
        path.quality.answered_late(round_trip);
    } else if (path.waited && round_trip > path.quality.patience(settings_.shortest_wait)) {
        path.quality.answered_unseen();
    } else {
        path.quality.answered(round_trip);
    }
    probe.open = false;
    live(path, now);
}

void PathWatch::keepalive_sent(unsigned slot, Duration now) {
    Slot& path = slots_[slot];
    if (path.state == State::watched && !path.doubt_at) {
        path.doubt_at = now + path.quality.patience(settings_.shortest_wait) + path.wake_up;
    }
}

void PathWatch::keepalive_answered(unsigned slot, Duration round_trip, Duration now) {
    slots_[slot].quality.answered(round_trip);
    heard(slot, now);
}

bool PathWatch::active(const Slot& path, Duration now) const {
    if (settings_.interval == Duration{}) {
        return false;
    }
    const bool doubted = path.doubt_at && *path.doubt_at <= now;
    return doubted || (path.traffic_at && now - *path.traffic_at < kLinger);
}

/// Overdue probes that left after the path was heard last.
unsigned PathWatch::run(const Slot& path) const {
    return static_cast<unsigned>(std::count_if(path.probes.begin(), path.probes.end(), [&](const Probe& probe) {
        return probe.open && probe.overdue && probe.sent_at >= path.heard_at;
    }));
}

bool PathWatch::another_answers(unsigned slot) const {
    for (unsigned other = 0; other < slots_.size(); ++other) {
        if (other != slot && slots_[other].state == State::watched &&
            slots_[other].heard_at > slots_[slot].quiet_since) {
            return true;
        }
    }
    return false;
}

/// Since when another path's life tells that this one is dead; nullopt: it does not. The home agent may have paused,
/// and then it answers everything as soon as it goes on:
///
///     home agent   ──────░░░░ pause ░░░░┬──┬──
///     this path    ─► 1st probe ──►     │   ╲ its answer
///     another      ◄── before: no proof  ╲ heard: it is not away, the first probe's answer must follow
///
/// So a proof is what it sent after this path's first unanswered probe must have reached it, once the answer to that
/// has had its time, too.
std::optional<Duration> PathWatch::proof_against(unsigned slot) const {
    const Slot& path = slots_[slot];
    Duration first = Duration::max();
    for (const Probe& probe : path.probes) {
        if (probe.open && probe.overdue && probe.sent_at >= path.heard_at) {
            first = std::min(first, probe.sent_at);
        }
    }
    const Duration own = path.quality.round_trip().value_or(Duration{});
    const Duration slack = path.quality.round_trip() ? path.quality.patience({}) - own : Duration{};
    std::optional<Duration> proof;
    for (unsigned other = 0; other < slots_.size(); ++other) {
        const Slot& witness = slots_[other];
        const Duration round_trip = witness.quality.round_trip().value_or(Duration{});
        if (other == slot || witness.state != State::watched || witness.heard_at - first < (own + round_trip) / 2) {
            continue;
        }
        const Duration told = witness.heard_at + (own - round_trip) / 2 + slack;
        proof = proof ? std::min(*proof, told) : told;
    }
    return proof;
}

bool PathWatch::alone(unsigned slot) const {
    for (unsigned other = 0; other < slots_.size(); ++other) {
        if (other != slot && slots_[other].state == State::watched) {
            return false;
        }
    }
    return true;
}

/// A path in doubt answers again: the home agent was away, so what the others' probes met with until now says nothing
/// about their paths.
void PathWatch::forgive_others(const Slot& returned) {
    for (Slot& path : slots_) {
        if (&path == &returned || path.state != State::watched) {
            continue;
        }
        for (Probe& probe : path.probes) {
            probe.open = false;
        }
    }
}

void PathWatch::probe(unsigned slot, Duration now) {
    Slot& path = slots_[slot];
    const std::uint32_t number = path.next_number++;
    path.probes[number % path.probes.size()] = {.number = number,
                                                .sent_at = now,
                                                .deadline = now + path.quality.patience(settings_.shortest_wait),
                                                .open = true};
    path.probed_at = now;
    actions_.emplace_back(SendProbe{slot, number});
}

/// `late`: how long nobody looked at answers, which may be there.
void PathWatch::expire(Slot& path, Duration now, Duration late) {
    for (Probe& probe : path.probes) {
        if (!probe.open || probe.overdue) {
            continue;
        }
        probe.deadline += late;
        if (path.unread) {
            probe.deadline = std::max(probe.deadline, now + kBusyRhythm);
        }
        probe.overdue = probe.open && probe.deadline <= now;
    }
}

/// When nobody answers, and nothing can be done about it, probes become rarer.
Duration PathWatch::spacing(const Slot& path, unsigned run) const {
    const unsigned telling = path.quality.run_that_tells(settings_.unanswered);
    const unsigned doublings = run > telling ? std::min((run - telling) / 4, 10U) : 0;
    return std::min(settings_.interval * (1 << doublings), std::max(kLongestSpacing, settings_.interval));
}

void PathWatch::watch(unsigned slot, Duration now) {
    Slot& path = slots_[slot];
    if (!active(path, now)) {
        return;
    }
    const unsigned unanswered = run(path);
    if (unanswered > 0 && !path.unread) {
        doubt(slot, unanswered, now);
    } else if (unanswered == 0) {
        path.proven_at.reset();
    }
    if (path.state != State::watched) {
        return;
    }
    const Duration space = spacing(path, unanswered);
    const bool silent = std::max(path.quiet_since, path.probed_at) + space <= now;
    if (silent || path.probed_at + kMeasureEvery * space <= now) {
        probe(slot, now);
    }
}

void PathWatch::doubt(unsigned slot, unsigned unanswered, Duration now) {
    Slot& path = slots_[slot];
    const unsigned telling = path.quality.run_that_tells(settings_.unanswered);
    const bool may_refresh =
        (!path.refreshed_at || now - *path.refreshed_at >= kRefreshSpacing) && (alone(slot) || another_answers(slot));
    if (unanswered + 2 >= telling && may_refresh && now >= path.awake_at) {
        path.refreshed_at = now;
        actions_.emplace_back(Refresh{slot});
    }
    if (!path.proven_at) {
        path.proven_at = proof_against(slot);
    }
    for (unsigned other = 0; !path.proven_at && other < slots_.size(); ++other) {
        const Slot& witness = slots_[other];
        if (other != slot && witness.state == State::watched && witness.probed_at + settings_.interval <= now) {
            probe(other, now);
        }
    }
    if (unanswered >= telling && now >= path.awake_at && path.proven_at && *path.proven_at <= now) {
        path.state = State::dead;
        path.answers = path.asking = false;
        path.ask_at = now + ask_rhythm();
        path.ask_spacing = ask_rhythm();
        actions_.emplace_back(PathVerdict{slot, false});
    }
}

/// Four answers at least fit into hold-down.
Duration PathWatch::ask_rhythm() const {
    return std::clamp<Duration>(settings_.hold_down / 4, 50ms, 500ms);
}

void PathWatch::ask(unsigned slot, Duration now) {
    Slot& path = slots_[slot];
    if (path.ask_at > now) {
        return;
    }
    if (path.asking && path.unread) {
        path.ask_at = now + kBusyRhythm;
        return;
    }
    if (path.asking) {  // the last one was not answered
        path.asking = false;
        path.ask_spacing = path.answers ? ask_rhythm() : std::min(2 * path.ask_spacing, kLongestAskSpacing);
        path.ask_at = now + path.ask_spacing;
        if (std::exchange(path.answers, false)) {
            path.quality.lost();
            actions_.emplace_back(PathVerdict{slot, false});
        }
        return;
    }
    path.asking = true;
    path.ask_at = now + kAskPatience;
    actions_.emplace_back(SendAsk{slot});
}

void PathWatch::tick(Duration now) {
    const Duration since = ticked_at_ ? now - *ticked_at_ : Duration{};
    bool busy = false;
    for (const Slot& path : slots_) {
        busy = busy || (path.state == State::watched && ticked_at_ && active(path, *ticked_at_));
    }
    const Duration late = busy && since > kStall ? since : Duration{};
    for (Slot& path : slots_) {
        if (path.state == State::watched) {
            expire(path, now, late);
        }
    }
    for (unsigned slot = 0; slot < slots_.size(); ++slot) {
        if (slots_[slot].state == State::watched) {
            watch(slot, now);
        } else if (slots_[slot].state == State::dead) {
            ask(slot, now);
        }
    }
    ticked_at_ = now;
}

/// The counters' rhythm, or sooner what a probe waits for.
Duration PathWatch::busy_deadline(const Slot& path, Duration ticked) const {
    Duration due = ticked + kBusyRhythm;
    for (const Probe& probe : path.probes) {
        if (probe.open && !probe.overdue) {
            due = std::min(due, probe.deadline);
        }
    }
    const Duration next_probe = std::max(path.quiet_since, path.probed_at) + spacing(path, run(path));
    return next_probe > ticked ? std::min(due, next_probe) : due;
}

std::optional<Duration> PathWatch::next_deadline() const {
    std::optional<Duration> first;
    const auto keep = [&first](Duration due) { first = first ? std::min(*first, due) : due; };
    const Duration ticked = ticked_at_.value_or(Duration{});
    for (const Slot& path : slots_) {
        if (path.state == State::watched) {
            keep(active(path, ticked) ? busy_deadline(path, ticked) : ticked + kIdleRhythm);
        } else if (path.state == State::dead) {
            keep(path.ask_at);
        }
    }
    return first;
}

std::vector<PathAction> PathWatch::take_actions() {
    return std::exchange(actions_, {});
}

}  // namespace homeward::handover
