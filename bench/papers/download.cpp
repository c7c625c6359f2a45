#include "download.h"

#include <algorithm>

namespace homeward::papers {

void Download::start() {
    arm();
    fill();
}

void Download::watch_gaps() {
    last_ = agenda_.now();
    longest_gap_ = 0;
}

Seconds Download::longest_gap_s() const {
    return std::max(longest_gap_, agenda_.now() - last_);
}

void Download::fill() {
    while (flying_ < window_) {
        transmit();
    }
}

void Download::transmit() {
    const std::uint64_t number = first_ + packets_.size();
    packets_.push_back(State::flying);
    ++flying_;
    Path& path = route_();
    path.send(kBytes, [this, number, &path, sent = agenda_.now()] {
        longest_gap_ = std::max(longest_gap_, agenda_.now() - last_);
        last_ = agenda_.now();
        agenda_.after(path.delay_s(), [this, number, sent] { acknowledged(number, sent); });
    });
}

void Download::acknowledged(std::uint64_t number, Seconds sent) {
    constexpr std::uint64_t kLater = 3;
    smooth_rtt_ += (agenda_.now() - sent - smooth_rtt_) / 8;
    timeout_ = std::max(0.2, 2 * smooth_rtt_);
    arm();
    if (number < first_ || packets_[number - first_] != State::flying) {
        return;  // it was given up
    }
    packets_[number - first_] = State::arrived;
    --flying_;
    window_ += window_ < threshold_ ? 1 : 1 / window_;
    for (std::uint64_t before = first_; before + kLater <= number; ++before) {
        if (packets_[before - first_] == State::flying) {
            lose(before);
        }
    }
    while (!packets_.empty() && packets_.front() != State::flying) {
        packets_.pop_front();
        ++first_;
    }
    fill();
}

/// What was lost is sent again as a packet like any other. The window halves once for all that flew together.
void Download::lose(std::uint64_t number) {
    packets_[number - first_] = State::lost;
    --flying_;
    if (number >= recovered_) {
        threshold_ = window_ = std::max(2.0, window_ / 2);
        recovered_ = first_ + packets_.size();
    }
}

void Download::arm() {
    agenda_.after(timeout_, [this, timer = ++timer_] {
        if (timer == timer_) {
            timed_out();
        }
    });
}

void Download::timed_out() {
    threshold_ = std::max(2.0, window_ / 2);
    window_ = 1;
    first_ += packets_.size();
    packets_.clear();
    recovered_ = first_;
    flying_ = 0;
    timeout_ = std::min(60.0, 2 * timeout_);
    arm();
    fill();
}

}  // namespace homeward::papers
