#pragma once

#include <optional>

#include "selection/engine.h"
#include "selection/link_table.h"
#include "selection/radio.h"

namespace homeward::selection {

/// Handover between WLAN and cellular by the WLAN's signal: monitoring and management of UM3N (§V), with hysteresis,
/// a look ahead along the signal's slope, and a hold-off that grows while the signal flaps.
class SignalHandover final : public Engine {
  public:
    struct Settings {
        double gain = 0.3;  // of the newest sample in the smoothed signal, at one a second
        double slope_gain = 0.3;
        double leave_dbm = -80;
        Seconds leave_s = 2;
        double return_dbm = -72;
        Seconds return_s = 5;
        double slope_dbps = -1;  // falling faster than this is looked ahead along
        Seconds prepare_umts_s = 2;
        Seconds prepare_lte_s = 0.3;
        double roam_db = 6;  // between access points
        Seconds hold_off_max_s = 40;
        Seconds flap_s = 60;  // leaving again this soon after a return doubles the hold-off
    };

    explicit SignalHandover(const Settings& settings) : settings_(settings), hold_off_s_(settings.return_s) {}

    std::string_view name() const override { return "handover"; }
    void observe(const Scene& scene) override;
    Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) override;
    Seconds hold_off_s() const { return hold_off_s_; }

  private:
    struct Signal {
        Smoothed level;
        Smoothed slope;
        Seconds at = 0;
        std::optional<Seconds> weak_since;
        std::optional<Seconds> strong_since;
    };

    void take(const Link& link, Seconds now);
    const Link* best_wlan(const Scene& scene) const;
    bool weak(const Scene& scene, const Link& serving, Technology target) const;
    Decision from_wlan(const Scene& scene, const Link& serving);
    Decision to_wlan(const Scene& scene);
    Decision leave(const Scene& scene, const Link& target, Reason reason);

    Settings settings_;
    LinkTable<Signal> signals_;
    Seconds hold_off_s_;
    std::optional<Seconds> returned_;
};

}  // namespace homeward::selection
