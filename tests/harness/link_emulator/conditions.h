#pragma once

#include <chrono>
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>

namespace harness::link {

using std::chrono::nanoseconds;

/// A mistake in what the emulator was told: key path and reason.
struct BadConditions : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Gilbert–Elliott: a two-state chain, one step for each frame. Bursts last 1/leave frames in the mean, and
/// enter/(enter + leave) of all frames meet the bad state.
struct Bursts {
    double enter = 0;  ///< good → bad
    double leave = 1;  ///< bad → good
    double loss = 1;   ///< of frames in the bad state
};

/// What one direction of a link does to frames. Probabilities are 0 to 1.
struct Conditions {
    double rate_bps = 0;          ///< of whole frames without FCS; 0: no limit
    nanoseconds queue_time{};     ///< room before the rate, as the time it takes to empty; 0: not limited so
    std::size_t queue_bytes = 0;  ///< the same in bytes; 0: not limited so
    nanoseconds delay{};          ///< after the rate
    nanoseconds jitter{};         ///< uniform ± around the delay; frames stay in order
    double loss = 0;              ///< independent, of each frame
    Bursts bursts;                ///< on top of it
    double reorder = 0;           ///< share of frames that are held back, so that others overtake them
    nanoseconds reorder_by{};     ///< how long those are held back
    double duplicate = 0;         ///< share of frames that arrive twice
    bool blackhole = false;       ///< frames vanish, those on their way too; the interfaces stay up
};

/// Changes the named conditions, leaves the others. All or nothing: throws BadConditions for an unknown key, a wrong
/// type, a number out of range. Keys: rate_mbps, queue_ms, queue_bytes, delay_ms, jitter_ms, loss, bursts {enter,
/// leave, loss}, reorder, reorder_ms, duplicate, blackhole. `where` stands before keys in errors.
Conditions changed(const Conditions& conditions, const nlohmann::json& change, const char* where);

}  // namespace harness::link
