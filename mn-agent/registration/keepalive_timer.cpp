#include "keepalive_timer.h"

#include <algorithm>

namespace homeward::mn::registration {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kShortest = 10s;  // RFC 3519 §4.9
constexpr std::chrono::seconds kWaits[] = {1s, 2s, 4s};
constexpr double kJitter = 0.1;

}  // namespace

std::chrono::seconds KeepaliveTimer::interval() const noexcept {
    return longest_ ? std::min(assigned_, *longest_) : assigned_;
}

KeepaliveTimer::Duration KeepaliveTimer::silence() const noexcept {
    return std::chrono::duration_cast<Duration>(interval() * (1 - kJitter * spread_));
}

void KeepaliveTimer::start(std::chrono::seconds interval, double spread, Duration now) noexcept {
    assigned_ = interval;
    spread_ = spread;
    echoes_ = 0;
    deadline_ = now + silence();
}

void KeepaliveTimer::stop() noexcept {
    echoes_ = 0;
    deadline_.reset();
}

void KeepaliveTimer::sent(Duration now) noexcept {
    if (deadline_ && echoes_ == 0) {
        deadline_ = std::max(*deadline_, now + silence());
    }
}

void KeepaliveTimer::probe(Duration now) noexcept {
    if (deadline_ && echoes_ == 0) {
        deadline_ = now;
    }
}

void KeepaliveTimer::answered(Duration now) noexcept {
    if (deadline_) {
        echoes_ = 0;
        deadline_ = now + silence();
    }
}

KeepaliveTimer::Verdict KeepaliveTimer::tick(Duration now) noexcept {
    if (!deadline_ || now < *deadline_) {
        return Verdict::nothing;
    }
    if (echoes_ < std::size(kWaits)) {
        deadline_ = now + kWaits[echoes_++];
        return Verdict::send_echo;
    }
    longest_ = std::max(kShortest, interval() / 2);
    stop();
    return Verdict::mapping_lost;
}

}  // namespace homeward::mn::registration
