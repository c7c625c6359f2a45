#pragma once

#include <optional>

#include "selection/decision.h"

namespace homeward::selection {

/// Stands behind every engine: no dead link, no flapping, one handover at a time.
class Guard {
  public:
    struct Settings {
        /// A link, and a flow, stays where it went for at least this long, unless its link is dead.
        Seconds dwell_s = 2;
        /// A change that nobody reported the end of is given up after this long.
        Seconds pending_s = 5;
    };

    explicit Guard(const Settings& settings) : settings_(settings) {}

    /// What may be executed of `wanted`. While any link is up, the result names one that is.
    Decision pass(const Scene& scene, const Decision& wanted);
    void report(const Outcome& outcome);

  private:
    struct Moved {
        std::uint32_t flow = 0;
        Seconds at = 0;
    };

    std::optional<Reason> objection(const Scene& scene) const;
    bool may_move(const Scene& scene, const FlowMove& move) const;
    void pass_moves(const Scene& scene, const Decision& wanted, Decision& passed);
    void note(const FlowMove& move, Seconds now);

    Settings settings_;
    std::optional<Seconds> changed_;
    std::optional<Seconds> pending_since_;
    Bounded<Moved, kMaxFlows> moved_;
};

}  // namespace homeward::selection
