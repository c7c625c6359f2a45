#include "handover/rate_shares.h"

#include <algorithm>

namespace homeward::handover {
namespace {

/// Relative to the fastest, and never nothing: an uplink that gets no flow cannot show that it has become faster.
policy::Rates relative(std::span<const RateShares::Uplink> uplinks) {
    std::uint64_t fastest = 1;
    for (const RateShares::Uplink& uplink : uplinks) {
        fastest = std::max(fastest, uplink.rate.value_or(0));
    }
    policy::Rates rates;
    for (const RateShares::Uplink& uplink : uplinks) {
        const std::uint64_t rate = uplink.rate.value_or(fastest);
        const std::uint64_t part = (rate * policy::Rates::kFastest + fastest / 2) / fastest;
        rates.push_back(uplink.label, static_cast<std::uint8_t>(std::max<std::uint64_t>(part, 1)));
    }
    return rates;
}

/// By more than a quarter.
bool differ(unsigned a, unsigned b) {
    return 4 * std::max(a, b) > 5 * std::min(a, b);
}

}  // namespace

std::optional<policy::Rates> RateShares::update(std::span<const Uplink> uplinks, Duration interval, Duration now) {
    if (interval == Duration{} || (changed_at_ && now - *changed_at_ < interval)) {
        return std::nullopt;
    }
    const policy::Rates next = relative(uplinks);
    if (std::none_of(uplinks.begin(), uplinks.end(),
                     [&](const Uplink& uplink) { return differ(next.of(uplink.label), in_force_.of(uplink.label)); })) {
        return std::nullopt;
    }
    in_force_ = next;
    changed_at_ = now;
    return next;
}

}  // namespace homeward::handover
