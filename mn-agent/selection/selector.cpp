#include "selection/selector.h"

namespace homeward::selection {

void Selector::observe(const Observation& seen) {
    surroundings_.take(seen);
    engine_->observe(surroundings_.at(seen.at));
}

Decision Selector::decide(Seconds now, Trigger trigger, const Deadline& deadline) {
    const Scene& scene = surroundings_.at(now);
    const Decision wanted =
        deadline.passed() ? hold(scene, Reason::deadline) : engine_->decide(scene, trigger, deadline);
    return guard_.pass(scene, wanted);
}

void Selector::report(const Outcome& outcome) {
    guard_.report(outcome);
    engine_->report(outcome);
}

}  // namespace homeward::selection
