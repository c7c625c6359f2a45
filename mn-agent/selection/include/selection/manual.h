#pragma once

#include <optional>

#include "selection/engine.h"
#include "selection/random.h"

namespace homeward::selection {

/// A person who switches WLAN on and off now and then: on where a known network is around, off elsewhere.
class Manual final : public Engine {
  public:
    struct Settings {
        /// Mean time between two looks at the phone; exponential. Default: four a day.
        Seconds toggle_s = 21600;
        /// Networks that the person knows; empty: all.
        Bounded<std::uint32_t, 16> known_domains;
        bool wlan_at_start = false;
        /// Out of reach of what it was on for, WLAN is switched off; the next look switches it on again.
        bool off_when_lost = true;
    };

    Manual(const Settings& settings, std::uint64_t seed)
        : settings_(settings), random_(seed), wlan_(settings.wlan_at_start) {}

    std::string_view name() const override { return "manual"; }
    Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) override;
    /// What the operator asks for now; stands until the next toggle.
    void want_wlan(bool wanted) { wlan_ = wanted; }

  private:
    bool knows(const Link& link) const;

    Settings settings_;
    Random random_;
    std::optional<Seconds> next_;
    bool wlan_;
};

}  // namespace homeward::selection
