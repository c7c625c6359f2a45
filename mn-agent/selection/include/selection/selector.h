#pragma once

#include <memory>

#include "selection/engine.h"
#include "selection/guard.h"
#include "selection/surroundings.h"

namespace homeward::selection {

/// An engine between what is seen and what may be done: the one object that the agent and the simulators hold.
class Selector {
  public:
    struct Settings {
        Surroundings::Settings surroundings;
        Guard::Settings guard;
    };

    Selector(std::unique_ptr<Engine> engine, const Settings& settings)
        : engine_(std::move(engine)), surroundings_(settings.surroundings), guard_(settings.guard) {}

    void observe(const Observation& seen);
    /// `now` is not before the last observation. Holds when `deadline` has passed.
    Decision decide(Seconds now, Trigger trigger, const Deadline& deadline = {});
    void report(const Outcome& outcome);
    void feedback(const Score& score, Seconds now) { engine_->feedback(score, now); }

    Engine& engine() { return *engine_; }
    const Engine& engine() const { return *engine_; }

  private:
    std::unique_ptr<Engine> engine_;
    Surroundings surroundings_;
    Guard guard_;
};

}  // namespace homeward::selection
