#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "selection/observation.h"

namespace homeward::selection {

enum class Trigger : std::uint8_t { tick, link_up, link_down, scan, flow_start, flow_end, fix, feedback };

enum class Mode : std::uint8_t { make_before_break, break_before_make };

enum class Reason : std::uint8_t {
    hold,          // nothing better
    no_candidate,  // nothing is up
    better,        // another link is better by more than the engine's margin
    weak,          // the serving link is too weak
    dead,          // the serving link is gone
    predicted,     // another link will be better where the node is going
    preferred,     // order of preference
    user,          // what the user asked for
    waiting,       // better, but flows would be interrupted; waiting for a gap
    front,         // a point of the Pareto front
    coasting,      // without a position, the last prediction stands
    deadline,      // time was up
    dwell,         // guard: changed too short a while ago
    pending,       // guard: a change is under way
    rescue,        // guard: the serving link is dead and the engine named no other
};
std::string_view name(Reason reason) noexcept;

struct FlowMove {
    std::uint32_t flow = 0;
    InterfaceId to = kNoInterface;  // none: parked, no interface carries it
    bool operator==(const FlowMove&) const = default;
};

/// Objectives of one assignment of all flows.
struct Objectives {
    double power_w = 0;
    double shortfall_mbps = 0;
    std::uint32_t moves = 0;
    bool operator==(const Objectives&) const = default;
};

struct Decision {
    /// The link to use; the serving one when nothing changes.
    LinkKey serving;
    bool change = false;
    /// Only flows whose interface changes.
    Bounded<FlowMove, kMaxFlows> moves;
    Mode mode = Mode::make_before_break;
    /// The change is to be made in this span.
    Seconds not_before = 0;
    Seconds not_after = 0;
    double confidence = 1;  // 0 … 1
    Reason reason = Reason::hold;
    /// Until when the decision stands without another one.
    Seconds valid_for = 1;
    /// What it was chosen from; the engine's own memory, good until it decides again.
    std::span<const Objectives> front;
};

/// How a change ended.
struct Outcome {
    Seconds at = 0;
    LinkKey target;
    bool done = false;
};

/// What a user says about the last change: −2 … 2 each; NaN: nothing.
struct Score {
    double performance = 0;
    double energy = 0;
    double offloading = 0;
    double continuity = 0;
};

/// Stays with what is serving.
Decision hold(const Scene& scene, Reason reason = Reason::hold);
/// Goes to `target`; holds when that is what serves.
Decision go(const Scene& scene, LinkKey target, Reason reason, double confidence = 1);

}  // namespace homeward::selection
