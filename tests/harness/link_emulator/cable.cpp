#include "cable.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

namespace harness::link {

void Lateness::add(nanoseconds late) noexcept {
    const auto bucket = static_cast<std::size_t>(std::max<nanoseconds::rep>(0, late.count()) / 1000);
    ++per_microsecond_[std::min(bucket, per_microsecond_.size() - 1)];
    ++count_;
    worst_ = std::max(worst_, static_cast<double>(late.count()));
}

unsigned Lateness::quantile(double share) const noexcept {
    const double wanted = share * static_cast<double>(count_);
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < per_microsecond_.size(); ++bucket) {
        seen += per_microsecond_[bucket];
        if (static_cast<double>(seen) >= wanted) {
            return static_cast<unsigned>(bucket);
        }
    }
    return static_cast<unsigned>(per_microsecond_.size());
}

std::vector<std::byte> Lane::room() {
    if (spare_.empty()) {
        return {};
    }
    std::vector<std::byte> taken = std::move(spare_.back());
    spare_.pop_back();
    return taken;
}

void Lane::take() {
    from_.receive([this](nanoseconds arrival, std::span<const std::byte> frame) {
        for (const nanoseconds due : way_.carry(arrival, frame.size())) {
            Held held{due, ++order_, room()};
            held.frame.assign(frame.begin(), frame.end());
            under_way_.push_back(std::move(held));
            std::push_heap(under_way_.begin(), under_way_.end(), std::greater<>{});
        }
    });
}

void Lane::send(const Held& held) {
    if (way_.dark()) {
        way_.vanish();
    } else if (to_.send(held.frame)) {
        lateness_.add(now() - held.due);
        ++delivered_;
    } else {
        ++refused_;
    }
}

nanoseconds Lane::deliver() {
    const nanoseconds until = now();
    while (!under_way_.empty() && under_way_.front().due <= until) {
        std::pop_heap(under_way_.begin(), under_way_.end(), std::greater<>{});
        send(under_way_.back());
        spare_.push_back(std::move(under_way_.back().frame));
        under_way_.pop_back();
    }
    return under_way_.empty() ? nanoseconds::max() : under_way_.front().due;
}

nlohmann::json Lane::report() {
    const Tally& tally = way_.tally();
    return {{"arrived", tally.arrived},
            {"delivered", delivered_},
            {"lost", tally.lost},
            {"overflowed", tally.overflowed},
            {"vanished", tally.vanished},
            {"reordered", tally.reordered},
            {"duplicated", tally.duplicated},
            {"refused", refused_},
            {"oversized", from_.oversized()},
            {"overrun", from_.overrun()},
            {"under_way", under_way_.size()},
            {"late_us",
             {{"p50", lateness_.quantile(0.5)}, {"p99", lateness_.quantile(0.99)}, {"max", lateness_.worst_us()}}}};
}

}  // namespace harness::link
