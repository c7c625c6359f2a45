#pragma once

#include "selection/engine.h"
#include "selection/radio.h"

namespace homeward::selection {

/// The heuristic that the closed loop paper compares with: every half minute the network with the better signal,
/// with a leaning towards WLAN after much traffic.
class Heuristic final : public Engine {
  public:
    struct Settings {
        Seconds period_s = 30;
        /// Signal that counts as 0 and as 1.
        double wlan_floor_dbm = -90, wlan_ceiling_dbm = -50;
        double cellular_floor_dbm = -113, cellular_ceiling_dbm = -51;
        /// Recent traffic above which WLAN gets `leaning` on top of its quality.
        double volume_mbps = 0.5;
        double leaning = 0.1;
        double volume_gain = 0.05;
    };

    explicit Heuristic(const Settings& settings) : settings_(settings) {}

    std::string_view name() const override { return "heuristic"; }
    void observe(const Scene& scene) override { volume_.add(scene.demand_mbps(), settings_.volume_gain); }
    Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) override;

  private:
    Known quality(const Link& link) const;

    Settings settings_;
    Smoothed volume_;
    Seconds next_ = 0;
};

}  // namespace homeward::selection
