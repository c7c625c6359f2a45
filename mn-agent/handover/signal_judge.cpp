#include "handover/signal_judge.h"

#include <cmath>
#include <string>

namespace homeward::handover {
namespace {

constexpr double kWeight = 0.5;  // of a new reading

std::string in_dbm(double value) {
    return std::to_string(std::lround(value)) + " dBm";
}

}  // namespace

std::optional<Decision> SignalJudge::observe(unsigned slot, std::optional<double> rssi_dbm, Duration now) {
    Slot& held = slots_[slot];
    if (!rssi_dbm) {
        if (held.smoothed && now - held.read_at >= thresholds_.unknown_after) {
            held.smoothed.reset();
            held.passed_at.reset();
            if (held.wish == Wish::leave) {
                held.wish = Wish::use;
                return Decision{slot, Wish::use, "its signal is unknown"};
            }
        }
        return std::nullopt;
    }
    held.smoothed = held.smoothed ? *held.smoothed + kWeight * (*rssi_dbm - *held.smoothed) : *rssi_dbm;
    held.read_at = now;
    const bool used = held.wish == Wish::use;
    const bool passed =
        used ? *held.smoothed < thresholds_.leave_below_dbm : *held.smoothed > thresholds_.return_above_dbm;
    if (!passed) {
        held.passed_at.reset();
        return std::nullopt;
    }
    held.passed_at = held.passed_at.value_or(now);
    if (now - *held.passed_at < (used ? thresholds_.leave_after : thresholds_.return_after)) {
        return std::nullopt;
    }
    held.passed_at.reset();
    held.wish = used ? Wish::leave : Wish::use;
    return Decision{slot, held.wish,
                    (used ? "its signal fell to " : "its signal is back at ") + in_dbm(*held.smoothed)};
}

}  // namespace homeward::handover
