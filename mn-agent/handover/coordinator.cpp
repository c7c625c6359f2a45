#include "handover/coordinator.h"

#include <algorithm>
#include <array>
#include <utility>

namespace homeward::handover {
namespace {

std::string what_is_missing(const uplinks::Attachment& attachment) {
    if (attachment.index == 0) {
        return "no such interface";
    }
    return attachment.running ? "no IPv4 address" : "no link";
}

constexpr unsigned kMostRelapses = 5;  // hold-down up to 32 times as long
constexpr int kSoon = 10;              // hold-downs after a return: what dies then has relapsed

}  // namespace

std::string_view name(Notice::Kind kind) noexcept {
    static constexpr std::array<std::string_view, 3> kNames{"uplink-up", "uplink-down", "handover"};
    return kNames[static_cast<std::size_t>(kind)];
}

Coordinator::Coordinator(std::vector<Uplink> uplinks, Duration hold_down) : hold_down_(hold_down) {
    for (Uplink& uplink : uplinks) {
        slots_.emplace_back().uplink = std::move(uplink);
    }
}

void Coordinator::notice(Notice::Kind kind, unsigned slot, std::string text) {
    actions_.emplace_back(Notice{kind, slot, std::move(text)});
}

void Coordinator::set_usable(unsigned slot, bool usable) {
    if (std::exchange(slots_[slot].usable, usable) != usable) {
        actions_.emplace_back(SetUsable{slot, usable});
    }
}

bool Coordinator::alone(unsigned slot) const {
    for (unsigned other = 0; other < slots_.size(); ++other) {
        if (other != slot && slots_[other].state == State::attached) {
            return false;
        }
    }
    return true;
}

bool Coordinator::another_usable(unsigned slot, bool even_unwanted) const {
    for (unsigned other = 0; other < slots_.size(); ++other) {
        if (other != slot && slots_[other].usable && (even_unwanted || !slots_[other].leave)) {
            return true;
        }
    }
    return false;
}

Duration Coordinator::hold_down_of(const Slot& slot) const {
    return hold_down_ * (1 << slot.relapses);
}

void Coordinator::attach(unsigned slot, Duration now) {
    Slot& held = slots_[slot];
    held.state = State::attached;
    held.seen = true;
    held.stopped = held.drained = held.released = held.path_dead = false;
    held.attached_at = now;
    actions_.emplace_back(Attach{slot, held.attachment, false});
    notice(Notice::Kind::uplink_up, slot,
           held.uplink.name + " has " + held.attachment.address->address.to_string() + ", registering");
}

/// An uplink that is whole and not attached: now or after hold-down?
void Coordinator::consider(unsigned slot, Duration now) {
    Slot& held = slots_[slot];
    if (held.stopped || !held.attachment.usable() || held.state == State::attached) {
        return;
    }
    if (alone(slot)) {
        return attach(slot, now);
    }
    if (held.state == State::draining || held.path_dead || held.leave) {
        return;
    }
    if (!held.seen || now - held.whole_since >= hold_down_of(held)) {
        attach(slot, now);
    } else {
        held.state = State::hold_down;
    }
}

void Coordinator::consider_others(unsigned slot, Duration now) {
    for (unsigned other = 0; other < slots_.size(); ++other) {
        if (other != slot) {
            consider(other, now);
        }
    }
}

void Coordinator::lose(unsigned slot, Duration now) {
    Slot& held = slots_[slot];
    const State before = std::exchange(held.state, State::down);
    set_usable(slot, false);
    if (before == State::down && held.released) {
        return;
    }
    if (before != State::hold_down) {
        held.released = true;
        actions_.emplace_back(Detach{slot, false});
    }
    held.path_dead = false;
    notice(Notice::Kind::uplink_down, slot, held.uplink.name + " is lost: " + what_is_missing(held.attachment));
    consider_others(slot, now);
}

void Coordinator::attachment(unsigned slot, const uplinks::Attachment& attachment, Duration now) {
    Slot& held = slots_[slot];
    const uplinks::Attachment before = std::exchange(held.attachment, attachment);
    if (before == attachment) {
        return;
    }
    if (!attachment.usable()) {
        if (before.usable()) {
            lose(slot, now);
        }
        return;
    }
    const bool another_network = before.address != attachment.address || before.index != attachment.index;
    if (!before.usable() || (held.state == State::silent && another_network)) {
        held.whole_since = now;
        held.path_dead = false;
    }
    if (held.state != State::attached) {
        if (held.state == State::draining && before.address == attachment.address) {
            return;
        }
        return consider(slot, now);
    }
    // Another address: the binding moves, and nothing may leave until it has. Only the MTU, or another gateway: the
    // socket stays.
    if (another_network) {
        set_usable(slot, false);
    }
    actions_.emplace_back(Attach{slot, attachment, !another_network});
    if (another_network) {
        notice(Notice::Kind::uplink_up, slot,
               held.uplink.name + " moved to " + attachment.address->address.to_string() + ", registering");
    }
}

void Coordinator::binding(unsigned slot, bool bound, bool draining, Duration now) {
    Slot& held = slots_[slot];
    if (held.state == State::attached) {
        set_usable(slot, bound && !draining);
        return settle(now);
    }
    if (held.state == State::draining && !bound) {
        held.state = State::down;
        held.released = true;
        notice(Notice::Kind::handover, slot, held.uplink.name + " is drained: its binding is given up");
        consider(slot, now);
    }
}

void Coordinator::fall_silent(unsigned slot, Duration now) {
    Slot& held = slots_[slot];
    const bool relapse = held.died && now - held.attached_at < kSoon * hold_down_of(held);
    held.relapses = relapse ? std::min(held.relapses + 1, kMostRelapses) : 0;
    held.died = true;
    held.state = State::silent;
    held.released = true;
    set_usable(slot, false);
    actions_.emplace_back(Detach{slot, true});
    notice(Notice::Kind::uplink_down, slot, held.uplink.name + " is silent: the home agent does not answer by it");
}

void Coordinator::path(unsigned slot, bool alive, Duration now) {
    Slot& held = slots_[slot];
    held.path_dead = !alive;
    if (!alive && held.state == State::hold_down) {
        held.state = State::silent;
    }
    if (alive && held.state == State::silent) {
        held.whole_since = now;
        consider(slot, now);
    }
    settle(now);
}

void Coordinator::decide(const Decision& decision, Duration now) {
    Slot& held = slots_[decision.slot];
    if (decision.wish == Wish::leave) {
        if (held.leave) {
            return;
        }
        held.leave = decision.reason;
        if (held.state == State::hold_down) {
            held.state = State::down;
        }
        return settle(now);
    }
    if (std::exchange(held.leave, std::nullopt)) {
        held.whole_since = now;
        notice(Notice::Kind::handover, decision.slot, held.uplink.name + " may be used again: " + decision.reason);
        consider(decision.slot, now);
    }
}

/// What had to wait until another uplink could carry the flows.
void Coordinator::settle(Duration now) {
    for (unsigned slot = 0; slot < slots_.size(); ++slot) {
        Slot& held = slots_[slot];
        if (held.state != State::attached || !another_usable(slot, held.path_dead)) {
            continue;
        }
        if (held.path_dead) {
            fall_silent(slot, now);
        } else if (held.leave) {
            held.state = State::draining;
            set_usable(slot, false);
            actions_.emplace_back(Drain{slot});
            notice(Notice::Kind::handover, slot,
                   held.uplink.name + " is left, " + *held.leave + ": its flows move first");
        }
    }
}

/// `gently`: the binding is kept while packets are under way.
void Coordinator::stop(unsigned slot, bool gently) {
    Slot& held = slots_[slot];
    held.stopped = true;
    set_usable(slot, false);
    if (held.state != State::attached) {
        if (held.state == State::hold_down || held.state == State::silent) {
            held.state = State::down;
        }
        return;
    }
    if (gently) {
        held.state = State::draining;
        held.drained = true;
        actions_.emplace_back(Drain{slot});
        return notice(Notice::Kind::handover, slot, held.uplink.name + " is draining: its flows move first");
    }
    held.state = State::down;
    held.released = true;
    actions_.emplace_back(Detach{slot, true});
    notice(Notice::Kind::uplink_down, slot, held.uplink.name + " was taken down");
}

void Coordinator::request(unsigned slot, Request request, Duration now) {
    Slot& held = slots_[slot];
    switch (request) {
        case Request::up:
            held.stopped = false;
            held.leave.reset();
            if (held.attachment.usable() && held.state != State::attached) {
                attach(slot, now);
            }
            break;
        case Request::drain:
            stop(slot, true);
            break;
        case Request::down:
            // The only uplink gives its binding up itself, while it still can.
            stop(slot, alone(slot));
            break;
    }
    for (unsigned other = 0; other < slots_.size(); ++other) {
        consider(other, now);
    }
}

void Coordinator::tick(Duration now) {
    for (unsigned slot = 0; slot < slots_.size(); ++slot) {
        if (slots_[slot].state == State::hold_down) {
            consider(slot, now);
        }
    }
}

std::optional<Duration> Coordinator::next_deadline() const {
    std::optional<Duration> first;
    for (const Slot& slot : slots_) {
        if (slot.state == State::hold_down) {
            const Duration due = slot.whole_since + hold_down_of(slot);
            first = first ? std::min(*first, due) : due;
        }
    }
    return first;
}

std::vector<Action> Coordinator::take_actions() {
    return std::exchange(actions_, {});
}

std::string Coordinator::reason(unsigned slot) const {
    const Slot& held = slots_[slot];
    if (held.stopped) {
        return held.drained ? "drained by the operator" : "taken down by the operator";
    }
    if (held.leave && held.state != State::attached && held.attachment.usable()) {
        return *held.leave;
    }
    switch (held.state) {
        case State::hold_down:
            return "it returned a moment ago and must stay first";
        case State::silent:
            return "the home agent does not answer by it";
        case State::down:
            return what_is_missing(held.attachment);
        default:
            return "";
    }
}

}  // namespace homeward::handover
