#include "way.h"

#include <algorithm>
#include <cmath>

namespace harness::link {

bool Way::happens(double probability) {
    return probability > 0 && std::uniform_real_distribution<>{}(random_) < probability;
}

bool Way::lost() {
    bad_ = bad_ ? !happens(conditions_.bursts.leave) : happens(conditions_.bursts.enter);
    return (bad_ && happens(conditions_.bursts.loss)) || happens(conditions_.loss);
}

bool Way::overflows(nanoseconds arrival, std::size_t bytes) const {
    const double waiting_bits = std::chrono::duration<double>(busy_until_ - arrival).count() * conditions_.rate_bps;
    if (waiting_bits <= 0) {
        return false;
    }
    const double bits = waiting_bits + 8.0 * static_cast<double>(bytes);
    const double room_in_time = std::chrono::duration<double>(conditions_.queue_time).count() * conditions_.rate_bps;
    return (conditions_.queue_time.count() > 0 && bits > room_in_time) ||
           (conditions_.queue_bytes > 0 && bits > 8.0 * static_cast<double>(conditions_.queue_bytes));
}

nanoseconds Way::travel() {
    const auto jitter = static_cast<double>(conditions_.jitter.count());
    const double off = jitter > 0 ? std::uniform_real_distribution<>{-jitter, jitter}(random_) : 0;
    return std::max(nanoseconds{0}, conditions_.delay + nanoseconds{std::llround(off)});
}

std::span<const nanoseconds> Way::carry(nanoseconds arrival, std::size_t bytes) {
    ++tally_.arrived;
    if (conditions_.blackhole) {
        ++tally_.vanished;
        return {};
    }
    if (lost()) {
        ++tally_.lost;
        return {};
    }
    nanoseconds passed = arrival;
    if (conditions_.rate_bps > 0) {
        if (overflows(arrival, bytes)) {
            ++tally_.overflowed;
            return {};
        }
        const double seconds = 8.0 * static_cast<double>(bytes) / conditions_.rate_bps;
        passed = busy_until_ = std::max(arrival, busy_until_) + nanoseconds{std::llround(seconds * 1e9)};
    }
    if (happens(conditions_.reorder)) {
        ++tally_.reordered;
        departures_[0] = passed + travel() + conditions_.reorder_by;
    } else {
        departures_[0] = last_departure_ = std::max(last_departure_, passed + travel());
    }
    departures_[1] = departures_[0];
    const bool twice = happens(conditions_.duplicate);
    tally_.duplicated += twice ? 1 : 0;
    return {departures_.data(), twice ? 2U : 1U};
}

}  // namespace harness::link
