#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "handover/path_quality.h"
#include "policy/rule.h"

namespace homeward::handover {

/// What rules that spread by rate go by. A change moves flows and costs a message to the home agent, so it must be
/// worth it: one uplink's part changes by a quarter, and the last change was some time ago.
class RateShares {
  public:
    struct Uplink {
        policy::Label label = 0;
        std::optional<std::uint64_t> rate;  ///< bit/s; nullopt: not known, it counts as a fastest one
    };

    /// nullopt: what is in force stays. `interval`: between two changes; 0: none is ever made.
    std::optional<policy::Rates> update(std::span<const Uplink> uplinks, Duration interval, Duration now);
    const policy::Rates& in_force() const noexcept { return in_force_; }

  private:
    policy::Rates in_force_;
    std::optional<Duration> changed_at_;
};

}  // namespace homeward::handover
