#include "testbed.h"

#include <algorithm>

namespace homeward::papers {

void Agenda::at(Seconds when, Action action) {
    entries_.push({std::max(when, now_), number_++, std::move(action)});
}

void Agenda::run(Seconds until) {
    while (!entries_.empty() && entries_.top().when <= until) {
        const Entry entry = entries_.top();
        entries_.pop();
        now_ = entry.when;
        entry.action();
    }
    now_ = std::max(now_, until);
}

void Path::send(int bytes, Agenda::Action arrived) {
    const Seconds start = std::max(agenda_.now(), busy_until_);
    if (!up_ || start - agenda_.now() > settings_.queue_s) {
        return;
    }
    // A shared medium serves a packet now sooner, now later.
    busy_until_ = start + bytes * 8e-6 / settings_.mbps * random_.uniform(0.5, 1.5);
    agenda_.at(busy_until_ + settings_.delay_s, [this, bytes, broken = broken_, arrived = std::move(arrived)] {
        if (broken == broken_) {
            delivered_ += static_cast<std::uint64_t>(bytes);
            arrived();
        }
    });
}

void Path::set_up(bool up) {
    if (up_ && !up) {
        ++broken_;
        busy_until_ = agenda_.now();
    }
    up_ = up;
}

}  // namespace homeward::papers
