#pragma once

#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "selection/deadline.h"
#include "selection/decision.h"
#include "selection/observation.h"

namespace homeward::selection {

/// What an engine does with flows, whose observation costs something.
enum class FlowInterest : std::uint8_t {
    none,      // Scene::flows may say nothing
    open,      // looks at those that carry something now
    assigned,  // gives each an interface, silent ones too
};

/// Chooses links and flows' interfaces. Pure: no clock, no I/O; the same seed and the same calls give the same answers.
/// Allocates in its constructor and in `restore` only. What it decides goes through the guard before it is executed.
class Engine {
  public:
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    virtual ~Engine() = default;

    virtual std::string_view name() const = 0;
    virtual FlowInterest flow_interest() const { return FlowInterest::none; }
    /// Called for every observation, before a decision is asked for; filters and learning live here.
    virtual void observe(const Scene& /*scene*/) {}
    /// Never names a link that is not up; holds when the deadline passes.
    virtual Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) = 0;
    virtual void report(const Outcome& /*outcome*/) {}
    virtual void feedback(const Score& /*score*/, Seconds /*now*/) {}
    /// A fix of the position before this time is not looked at: its receiver may sleep.
    virtual Seconds next_fix() const { return -std::numeric_limits<Seconds>::infinity(); }
    /// What it learned, as numbers that only this engine understands. Nothing learned: empty.
    virtual std::vector<double> snapshot() const { return {}; }
    /// False, and nothing changes, when the numbers are not such a snapshot.
    virtual bool restore(std::span<const double> learned) { return learned.empty(); }
};

}  // namespace homeward::selection
