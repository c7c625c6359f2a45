#include "registration/source_limit.h"

#include <algorithm>

namespace homeward::registration {

SourceLimit::SourceLimit(std::uint32_t per_second, std::size_t sets)
    : per_second_(per_second), buckets_(sets * kWays) {}

SourceLimit::Bucket* SourceLimit::set_of(wire::Ipv4Address source) noexcept {
    const std::uint32_t mixed = source.host() * 0x9e3779b1U;
    return &buckets_[(mixed >> 8) % (buckets_.size() / kWays) * kWays];
}

bool SourceLimit::take(wire::Ipv4Address source, std::chrono::nanoseconds now) noexcept {
    Bucket* const set = set_of(source);
    const auto rate = static_cast<float>(per_second_);
    Bucket* bucket = std::find_if(
        set, set + kWays, [source](const Bucket& held) { return held.source == source && held.seen.count() >= 0; });
    if (bucket == set + kWays) {
        bucket = std::min_element(set, set + kWays, [](const Bucket& a, const Bucket& b) { return a.seen < b.seen; });
        *bucket = {source, rate, now};
    }
    const float passed = std::chrono::duration<float>(now - bucket->seen).count();
    bucket->tokens = std::min(rate, bucket->tokens + std::max(0.0F, passed) * rate);
    bucket->seen = now;
    if (bucket->tokens < 1) {
        return false;
    }
    bucket->tokens -= 1;
    return true;
}

void SourceLimit::give_back(wire::Ipv4Address source) noexcept {
    Bucket* const set = set_of(source);
    for (Bucket* bucket = set; bucket != set + kWays; ++bucket) {
        if (bucket->source == source && bucket->seen.count() >= 0) {
            bucket->tokens = std::min(static_cast<float>(per_second_), bucket->tokens + 1);
        }
    }
}

}  // namespace homeward::registration
