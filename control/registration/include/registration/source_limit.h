#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "wire/ipv4.h"

namespace homeward::registration {

/// Token buckets per source address in a table of fixed size, so that a flood costs neither memory nor MACs.
///
/// A request takes a token before it is looked at; one that proves to be authentic and fresh gives it back. Thus a
/// node may send a large policy at full speed, and many nodes behind one NAT do not starve each other, while what
/// fails to authenticate is limited. A source that is not in the table takes the place of the one in its set that
/// was quiet longest.
class SourceLimit {
  public:
    explicit SourceLimit(std::uint32_t per_second, std::size_t sets = 4096);

    void set_rate(std::uint32_t per_second) noexcept { per_second_ = per_second; }
    bool take(wire::Ipv4Address source, std::chrono::nanoseconds now) noexcept;
    void give_back(wire::Ipv4Address source) noexcept;

  private:
    static constexpr std::size_t kWays = 4;
    struct Bucket {
        wire::Ipv4Address source;
        float tokens = 0;
        std::chrono::nanoseconds seen{-1};
    };
    Bucket* set_of(wire::Ipv4Address source) noexcept;

    std::uint32_t per_second_;
    std::vector<Bucket> buckets_;
};

}  // namespace homeward::registration
