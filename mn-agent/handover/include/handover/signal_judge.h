#pragma once

#include <optional>
#include <vector>

#include "handover/coordinator.h"

namespace homeward::handover {

struct SignalThresholds {
    double leave_below_dbm = -80;
    double return_above_dbm = -72;  ///< more than `leave_below_dbm`: between the two nothing changes
    Duration leave_after = std::chrono::milliseconds(400);    ///< below for so long
    Duration return_after = std::chrono::milliseconds(2000);  ///< above for so long
    Duration unknown_after = std::chrono::seconds(5);         ///< without readings nothing is held against an uplink
};

/// Decides by signal strength alone when an uplink should be left and may be used again: two thresholds, each of which
/// the smoothed signal must have passed for a while. A selection engine can stand in its place. Pure.
class SignalJudge {
  public:
    SignalJudge(std::size_t uplinks, SignalThresholds thresholds) : thresholds_(thresholds), slots_(uplinks) {}

    /// A reading of the uplink's signal in dBm; nullopt: there is none now. A decision only when it changes.
    std::optional<Decision> observe(unsigned slot, std::optional<double> rssi_dbm, Duration now);
    void set(SignalThresholds thresholds) { thresholds_ = thresholds; }

    /// Smoothed, dBm.
    std::optional<double> strength(unsigned slot) const { return slots_[slot].smoothed; }

  private:
    struct Slot {
        std::optional<double> smoothed;
        Duration read_at{};
        std::optional<Duration> passed_at;  ///< the threshold that would change the wish
        Wish wish = Wish::use;
    };

    SignalThresholds thresholds_;
    std::vector<Slot> slots_;
};

}  // namespace homeward::handover
