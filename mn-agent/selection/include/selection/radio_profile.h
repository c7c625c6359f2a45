#pragma once

#include "selection/observation.h"

namespace homeward::selection {

/// Power states of a radio: active, two tails of falling power after traffic ends, idle.
struct RadioProfile {
    double active_w = 0;
    double tail1_w = 0;
    double tail2_w = 0;
    double idle_w = 0;
    Seconds tail1_s = 0;
    Seconds tail2_s = 0;
    double wake_from_idle_j = 0;
    double wake_from_tail2_j = 0;
    /// On top of `active_w` for each Mbps carried.
    double active_w_per_mbps = 0;
};

/// AT&T ARO's profile "Aria": DCH 0.93 W, FACH 0.51 W, 4 s and 10 s; promotions 2 s at 0.465 W, 1.5 s at 0.72 W.
inline constexpr RadioProfile kUmtsAria{0.93, 0.93, 0.51, 0, 4, 10, 0.93, 1.08, 0};
/// ARO "Inspire".
inline constexpr RadioProfile kUmtsInspire{0.60, 0.60, 0.38, 0, 4, 10, 0.60, 0.735, 0};
/// ARO "Aria" WLAN; its tail is that of ARO's default.
inline constexpr RadioProfile kWlanAria{0.536, 0.536, 0, 0.09, 0.25, 0, 0, 0, 0};
/// ARO's default WLAN.
inline constexpr RadioProfile kWlanDefault{0.403, 0.403, 0, 0.02, 0.25, 0, 0, 0, 0};
/// 10 s tail at 1.06 W, promotion 0.26 s at 1.21 W, idle 43 ms in 1.28 s at 0.594 W, 52 mW a Mbps down.
inline constexpr RadioProfile kLteAria{1.2, 1.06, 0, 0.02, 10, 0, 0.315, 0, 0.05197};
/// An operator seen in the field: DCH for 22 s at 1.5 W, FACH for 105 s at 0.8 W.
inline constexpr RadioProfile kUmtsBadOperator{1.5, 1.5, 0.8, 0, 22, 105, 0.93, 1.08, 0};
inline constexpr RadioProfile kWired{};

const RadioProfile& usual_profile(Technology technology);

/// Energy of a radio that is busy in given intervals: walks active, tails, idle and the wakes between them.
class EnergyMeter {
  public:
    explicit EnergyMeter(const RadioProfile& profile) : profile_(profile) {}

    /// Traffic from `from` to `to`, at `mbps`; intervals come in order, those that overlap are merged.
    void busy(Seconds from, Seconds to, double mbps = 0);
    /// Joules from time 0 to `end`, which is not before the last traffic ended.
    double joules(Seconds end) const;

  private:
    double rest_j(Seconds span) const;

    RadioProfile profile_;
    double joules_ = 0;
    Seconds until_ = 0;
    bool used_ = false;
};

}  // namespace homeward::selection
