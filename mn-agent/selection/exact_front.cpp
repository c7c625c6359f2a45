#include "selection/exact_front.h"

#include <algorithm>

namespace homeward::selection {

ExactFront::ExactFront(const Settings& settings) : settings_(settings) {
    constexpr std::size_t kSets = 4096;  // 12 distinct flows; more grows once
    for (std::size_t level = 0; level < 4; ++level) {
        levels_[level].points.reserve(kSets * 8);
        levels_[level].begin.reserve(kSets + 1);
        prices_[level].reserve(kSets);
    }
    loads_.reserve(kSets);
    ideals_.reserve(kSets);
    scratch_.reserve(1024);
    front_.reserve(1024);
}

/// Lays out the sets; true when those of the call before are of use: then `reused_` of them are.
bool ExactFront::layout(const CostModel& before) {
    const auto& classes = model_.classes();
    weight_[0] = 1;
    bool shared = complete_ && model_.same_interfaces(before);
    reused_ = shared ? 1 : 0;
    for (std::size_t c = 0; c < classes.size(); ++c) {
        weight_[c + 1] = weight_[c] * (classes[c].flows + 1);
        shared = shared && c < before.classes().size() && model_.same_class(before, c);
        if (shared) {
            const std::uint32_t flows = before.classes()[c].flows;
            reused_ = weight_[c] * (std::min(flows, classes[c].flows) + 1);
            shared = flows == classes[c].flows;
        }
    }
    states_ = weight_[classes.size()];
    return reused_ > 0;
}

std::uint64_t ExactFront::pairs() const {
    constexpr std::uint64_t kTooMany = std::uint64_t{1} << 40U;
    std::uint64_t sets = 1;
    std::uint64_t all = 1;
    for (const CostModel::Class& each : model_.classes()) {
        const std::uint64_t n = each.flows;
        sets *= n + 1;
        all *= (n + 1) * (n + 2) / 2;
        if (all > kTooMany) {
            return all;
        }
    }
    const std::size_t levels = model_.available().size();
    return levels < 2 ? sets : all * (levels - 2) + sets;
}

ExactFront::Counts ExactFront::counts_of(std::uint32_t state) const {
    Counts counts{};
    for (std::size_t c = model_.classes().size(); c-- > 0;) {
        counts[c] = static_cast<std::uint8_t>(state / weight_[c]);
        state %= weight_[c];
    }
    return counts;
}

/// What each set costs on the level's interface, from the set with one flow of its last class less.
void ExactFront::price_sets(std::size_t level, std::uint32_t first) {
    const std::size_t j = model_.available()[level];
    std::vector<SetCost>& prices = prices_[level];
    prices.resize(states_);
    loads_.resize(states_);
    std::size_t last = 0;
    for (std::uint32_t state = 0; state < states_; ++state) {
        if (state == 0) {
            loads_[0] = Load{};
            prices[0].moves = 0;
        } else {
            while (state >= weight_[last + 1]) {
                ++last;
            }
            const std::uint32_t less = state - weight_[last];
            const std::uint8_t previous = model_.classes()[last].previous;
            loads_[state] = loads_[less];
            model_.add(loads_[state], last, j);
            prices[state].moves = prices[less].moves + (previous != kParked && previous != j ? 1U : 0U);
        }
        if (state >= first) {
            prices[state].power = model_.power(loads_[state], j);
            prices[state].shortfall = model_.shortfall(loads_[state], j);
        }
    }
}

void ExactFront::first_level(std::uint32_t first) {
    Level& level = levels_[0];
    level.points.resize(states_);
    level.begin.resize(states_ + 1);
    for (std::uint32_t state = first; state < states_; ++state) {
        const SetCost& price = prices_[0][state];
        level.points[state] = {{price.power, price.shortfall, price.moves}, state, 0};
        level.begin[state] = state;
    }
    level.begin[states_] = states_;
}

bool ExactFront::ideal_is_beaten(const Cost& ideal) const {
    for (const Point& point : scratch_) {
        if (point.cost.power > ideal.power) {
            return false;
        }
        if (point.cost.no_worse(ideal)) {
            return true;
        }
    }
    return false;
}

/// Keeps `scratch_` nondominated and sorted by power.
void ExactFront::insert(const Point& point) {
    auto place = scratch_.begin();
    auto lower = scratch_.end();
    for (; place != scratch_.end() && place->cost.power <= point.cost.power; ++place) {
        if (place->cost.no_worse(point.cost)) {
            return;
        }
        if (place->cost.power == point.cost.power && lower == scratch_.end()) {
            lower = place;
        }
    }
    lower = lower == scratch_.end() ? place : lower;
    const auto kept =
        std::remove_if(lower, scratch_.end(), [&](const Point& each) { return point.cost.dominates(each.cost); });
    const auto at = lower - scratch_.begin();
    scratch_.erase(kept, scratch_.end());
    scratch_.insert(scratch_.begin() + at, point);
}

/// Leaves in `scratch_` what is nondominated among all ways to split `state` between this interface and those before.
void ExactFront::combine(std::size_t level, std::uint32_t state) {
    const Level& below = levels_[level - 1];
    const Counts whole = counts_of(state);
    const std::size_t classes = model_.classes().size();
    Counts part{};
    std::uint32_t taken = 0;
    std::size_t digit = 0;
    scratch_.clear();
    do {
        const std::uint32_t rest = state - taken;
        const SetCost& price = prices_[level][taken];
        const Cost& best = ideals_[rest];
        if (!ideal_is_beaten({best.power + price.power, best.shortfall + price.shortfall, best.moves + price.moves})) {
            for (std::uint32_t from = below.begin[rest]; from < below.begin[rest + 1]; ++from) {
                const Cost& cost = below.points[from].cost;
                insert({{cost.power + price.power, cost.shortfall + price.shortfall, cost.moves + price.moves},
                        taken,
                        from});
            }
        }
        for (digit = 0; digit < classes; ++digit) {  // the next subset, counted up like an odometer
            if (part[digit] < whole[digit]) {
                ++part[digit];
                taken += weight_[digit];
                break;
            }
            taken -= part[digit] * weight_[digit];
            part[digit] = 0;
        }
    } while (digit < classes);
}

/// All sets from `first` on, or only the set `only`, whose points become the front.
bool ExactFront::next_level(std::size_t level, std::uint32_t first, std::uint32_t only, const Deadline& deadline) {
    const Level& below = levels_[level - 1];
    ideals_.resize(states_);
    for (std::uint32_t state = 0; state < states_; ++state) {
        Cost& ideal = ideals_[state];
        ideal = below.points[below.begin[state]].cost;  // the least power
        for (std::uint32_t i = below.begin[state] + 1; i < below.begin[state + 1]; ++i) {
            ideal.shortfall = std::min(ideal.shortfall, below.points[i].cost.shortfall);
            ideal.moves = std::min(ideal.moves, below.points[i].cost.moves);
        }
    }
    if (only < states_) {
        combine(level, only);
        front_.assign(scratch_.begin(), scratch_.end());
        return !deadline.passed();
    }
    Level& here = levels_[level];
    here.begin.resize(states_ + 1);
    if (first == 0) {
        here.begin[0] = 0;
    }
    here.points.resize(here.begin[first]);
    for (std::uint32_t state = first; state < states_; ++state) {
        if (state % 16 == 0 && deadline.passed()) {
            return false;
        }
        combine(level, state);
        here.points.insert(here.points.end(), scratch_.begin(), scratch_.end());
        here.begin[state + 1] = static_cast<std::uint32_t>(here.points.size());
    }
    return true;
}

void ExactFront::park_all() {
    Assignment parked;
    parked.fill(kParked);
    front_.push_back({model_.evaluate(parked), 0, 0});
}

bool ExactFront::solve(const AssignmentProblem& problem, bool with_moves, const Deadline& deadline) {
    before_ = model_;
    model_.prepare(problem, with_moves);
    complete_ = complete_ && with_moves == with_moves_;
    with_moves_ = with_moves;
    front_.clear();
    const std::size_t levels = model_.available().size();
    if (levels == 0) {
        park_all();
        complete_ = false;
        return true;
    }
    if (pairs() > settings_.max_pairs) {
        complete_ = false;
        return false;
    }
    const std::uint32_t first = layout(before_) ? reused_ : 0;
    complete_ = false;
    for (std::size_t level = 0; level < levels; ++level) {
        price_sets(level, first);
    }
    first_level(first);
    const std::uint32_t full = states_ - 1;
    if (levels == 1) {
        front_.push_back(levels_[0].points[full]);
    }
    for (std::size_t level = 1; level < levels; ++level) {
        const bool last = level + 1 == levels;
        if (!next_level(level, first, last ? full : states_, deadline)) {
            front_.clear();
            return false;
        }
    }
    complete_ = true;
    return true;
}

Cost ExactFront::cost(std::size_t point) const {
    return model_.evaluate(assignment(point));
}

Assignment ExactFront::assignment(std::size_t point) const {
    Assignment result;
    result.fill(kParked);
    const auto& available = model_.available();
    if (available.empty()) {
        return result;
    }
    std::array<Counts, kMaxInterfaces> left{};
    const Point* at = &front_[point];
    for (std::size_t level = available.size(); level-- > 0;) {
        left[level] = counts_of(at->taken);
        at = level > 0 ? &levels_[level - 1].points[at->from] : at;
    }
    const auto place = [&](std::size_t flow, std::size_t level) {
        std::uint8_t& room = left[level][model_.class_of(flow)];
        if (room > 0 && result[flow] == kParked) {
            --room;
            result[flow] = available[level];
        }
    };
    for (std::size_t flow = 0; flow < model_.flows(); ++flow) {  // first those that can stay
        for (std::size_t level = 0; level < available.size(); ++level) {
            if (available[level] == model_.previous(flow)) {
                place(flow, level);
            }
        }
    }
    for (std::size_t flow = 0; flow < model_.flows(); ++flow) {
        for (std::size_t level = 0; level < available.size(); ++level) {
            place(flow, level);
        }
    }
    return result;
}

}  // namespace homeward::selection
