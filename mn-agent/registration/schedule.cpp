#include <algorithm>

#include "implementation.h"

/// What is due, and when.
///
/// One request is out at a time: the home agent wants identifications to increase over all uplinks (RFC 5944 §5.7.1),
/// and requests on different paths overtake each other. So a request keeps a gate shut until its reply, or until the
/// time a reply may take is over. A removal after a link was lost does not wait for the gate: until it arrives, the
/// home agent sends into the dead link. Should it overtake another request, that one is refused with code 133 and
/// repeated.
namespace homeward::mn::registration {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRequestSpacing = 1s;  // RFC 5944 §3.6.3
constexpr unsigned kTimeoutsUntilLost = 3;
constexpr auto kMultipathRetry = 10min;

void keep_least(std::optional<Duration>& least, std::optional<Duration> candidate) {
    if (candidate && (!least || *candidate < *least)) {
        least = candidate;
    }
}

bool has_answered_since(const Binding& binding, Duration since) {
    return usable(binding.state) && binding.last_reply_at && *binding.last_reply_at >= since;
}

}  // namespace

Duration Client::Implementation::gate() const {
    Duration until{};
    for (const auto& [label, binding] : bindings) {
        if (binding.pending) {
            until = std::max(until, binding.pending->gate_until);
        }
    }
    return until;
}

bool Client::Implementation::may_send_registration(const Binding& binding) const {
    return binding.register_at && !binding.pending && binding.up && (multipath || is_primary(binding));
}

Duration Client::Implementation::may_register_at(const Binding& binding) const {
    if (binding.after_link_event || !binding.last_request_at) {
        return *binding.register_at;
    }
    return std::max(*binding.register_at, *binding.last_request_at + kRequestSpacing);
}

void Client::Implementation::send_removals(Now now, bool regardless_of_gate) {
    for (auto& [label, binding] : bindings) {
        const bool is_due = binding.remove_at && *binding.remove_at <= now.monotonic;
        if (!is_due || (!regardless_of_gate && gate() > now.monotonic)) {
            continue;
        }
        if (const auto via = way_to_remove(binding)) {
            send_removal(binding, *via, now);
        }
    }
}

void Client::Implementation::send_due(Now now) {
    send_removals(now, false);
    for (const bool renewals : {false, true}) {
        for (auto& [label, binding] : bindings) {
            if (usable(binding.state) == renewals && may_send_registration(binding) &&
                may_register_at(binding) <= now.monotonic && gate() <= now.monotonic) {
                send_registration(binding, now);
            }
        }
    }
    send_pieces(now);
}

void Client::Implementation::expire(Binding& binding, Now now) {
    if (binding.expires_at && *binding.expires_at <= now.monotonic) {
        binding.expires_at.reset();
        if (usable(binding.state)) {
            event(Event::Kind::binding_lost, binding.label, "the lifetime ran out without a reply");
            set_state(binding, State::lost, "the lifetime ran out without a reply");
            if (!binding.pending && !binding.register_at) {
                binding.register_at = now.monotonic;
            }
        }
    }
    if (binding.held && binding.held_until <= now.monotonic && !binding.expires_at) {
        binding.held = false;
        binding.remove_at.reset();
        if (binding.pending && binding.pending->purpose == Pending::Purpose::removal) {
            removed(binding, now);
        }
    }
}

/// Tells a dead path from a home agent whose control plane is away: only when it answers on another uplink, and not
/// even our echo on this one, is this uplink given up before its lifetime ends.
void Client::Implementation::judge_path(Binding& binding, Now now) {
    binding.keepalive.probe(now.monotonic);
    bool answers_elsewhere = false;
    for (auto& [label, other] : bindings) {
        if (label != binding.label && usable(other.state)) {
            answers_elsewhere |= has_answered_since(other, binding.unanswered_since);
            other.keepalive.probe(now.monotonic);
        }
    }
    const bool echoes = binding.last_echo_at && *binding.last_echo_at >= binding.unanswered_since;
    if (binding.unanswered >= kTimeoutsUntilLost && answers_elsewhere && !echoes) {
        event(Event::Kind::binding_lost, binding.label, "no reply from the home agent on this uplink");
        set_state(binding, State::lost, "no reply from the home agent on this uplink");
        binding.keepalive.stop();
        binding.unanswered = 0;
        binding.remove_at = now.monotonic;
    }
}

void Client::Implementation::time_out(Binding& binding, Now now) {
    const Pending pending = *binding.pending;
    binding.pending.reset();
    ++binding.unanswered;
    if (pending.purpose == Pending::Purpose::removal) {
        binding.remove_at = now.monotonic;
        return;
    }
    binding.register_at = now.monotonic;
    if (!multipath && pending.multipath) {
        multipath_again_at = now.monotonic + kMultipathRetry;
    }
    if (usable(binding.state)) {
        judge_path(binding, now);
    } else if (binding.state == State::registering && binding.unanswered >= kTimeoutsUntilLost) {
        event(Event::Kind::binding_lost, binding.label, "no reply from the home agent");
        set_state(binding, State::lost, "no reply from the home agent");
    }
}

void Client::Implementation::tick_keepalive(Binding& binding, Now now) {
    switch (binding.keepalive.tick(now.monotonic)) {
        case KeepaliveTimer::Verdict::nothing:
            return;
        case KeepaliveTimer::Verdict::send_echo:
            send_echo(binding, now);
            return;
        case KeepaliveTimer::Verdict::mapping_lost:
            event(Event::Kind::mapping_lost, binding.label,
                  "no answer to three keepalives: registers again, keepalives now every " +
                      std::to_string(binding.keepalive.interval().count()) + " s");
            binding.after_link_event = true;
            doubt_plain(binding);
            if (!binding.pending) {
                binding.register_at = now.monotonic;
            }
            return;
    }
}

void Client::Implementation::tick_shutdown(Now now) {
    if (now.monotonic >= *shutting_down_until) {
        done = true;
        remove_all.reset();
    } else if (remove_all && remove_all->deadline <= now.monotonic) {
        send_remove_all(now);
    }
}

void Client::Implementation::tick(Now now) {
    if (shutting_down_until) {
        tick_shutdown(now);
        return;
    }
    for (auto& [label, binding] : bindings) {
        expire(binding, now);
        if (binding.pending && binding.pending->deadline <= now.monotonic) {
            time_out(binding, now);
        }
        tick_keepalive(binding, now);
    }
    send_due(now);
}

std::optional<Duration> Client::Implementation::next_deadline() const {
    std::optional<Duration> least;
    if (shutting_down_until) {
        if (!done) {
            keep_least(least, shutting_down_until);
            keep_least(least, remove_all ? std::optional{remove_all->deadline} : std::nullopt);
        }
        return least;
    }
    if (policy && knows_sync && survivor(0)) {
        const std::optional<Duration> due = sync.next_deadline();
        keep_least(least, due ? std::optional{std::max(*due, gate())} : due);
    }
    for (const auto& [label, binding] : bindings) {
        keep_least(least, binding.expires_at);
        keep_least(least, binding.keepalive.deadline());
        if (binding.held && !binding.expires_at) {
            keep_least(least, binding.held_until);
        }
        if (binding.pending) {
            keep_least(least, binding.pending->deadline);
        }
        if (binding.remove_at && way_to_remove(binding)) {
            keep_least(least, std::max(*binding.remove_at, gate()));
        }
        if (may_send_registration(binding)) {
            keep_least(least, std::max(may_register_at(binding), gate()));
        }
    }
    return least;
}

}  // namespace homeward::mn::registration
