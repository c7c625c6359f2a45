#pragma once

#include "selection/radio.h"

namespace homeward::choice {

/// What is known of how much an uplink carries, Mbps. Each may be unknown.
struct RateSources {
    selection::Known told_by_radio;  ///< of its throughput, where the source of signals knows it: a trace
    selection::Known measured;       ///< while the uplink was full, not too long ago
    selection::Known configured;
    selection::Known on_air;  ///< bit rate of the radio: an upper bound that says nothing of what is behind it

    /// The first that is known, by how close it is to what a flow would get.
    selection::Known best() const {
        for (const selection::Known& each : {told_by_radio, measured, configured}) {
            if (each) {
                return each;
            }
        }
        return on_air ? selection::Known{*on_air * selection::RateModel{}.efficiency} : std::nullopt;
    }
};

}  // namespace homeward::choice
