#pragma once

#include <array>

#include "selection/engine.h"
#include "selection/radio.h"

namespace homeward::selection {

/// Roams as wpa_supplicant does: at scans, when the best access point found is better by a margin that shrinks as the
/// serving one gets weaker and as the estimated rates differ.
class SupplicantLadder final : public Engine {
  public:
    struct Step {
        double above_dbm = 0;
        double gain_db = 0;
    };
    struct Ratio {
        double ratio = 0;
        double shift_db = 0;
    };
    struct Settings {
        /// Gain asked for while the serving signal is above a level; the last is for everything below.
        std::array<Step, 5> ladder{{{-70, 5}, {-75, 4}, {-80, 3}, {-85, 2}, {-999, 1}}};
        /// Shift of that gain where the estimated rates differ by more than a factor, either way.
        std::array<Ratio, 4> ratios{{{1.5, 10}, {1.2, 5}, {1.1, 2}, {1.0, 1}}};
        double great_snr_db = 25;
        double rate_gain_mbps = 5;
        Seconds scan_strong_s = 30;
        Seconds scan_weak_s = 10;
        double weak_dbm = -70;
        RateModel rates;
    };

    explicit SupplicantLadder(const Settings& settings) : settings_(settings) {}

    std::string_view name() const override { return "ladder"; }
    Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) override;

    /// The gain in dB that a roam from `serving_dbm` needs. Public for its rows.
    double needed_gain_db(double serving_dbm, double serving_mbps, double other_mbps) const;

  private:
    bool better(const Link& serving, const Link& other) const;

    Settings settings_;
    Seconds next_scan_ = 0;
};

}  // namespace homeward::selection
