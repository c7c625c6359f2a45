#include "selection/exact_front.h"

#include <algorithm>

namespace homeward::selection {

ExactFront::ExactFront(const Settings& settings) : settings_(settings) {
    constexpr std::size_t kMost = 32'768;  // where more pairs are allowed than that, a larger problem grows once
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(settings.max_pairs, kMost));
    for (std::size_t level = 0; level < levels_.size(); ++level) {
        const std::size_t room = most / (level < 3 ? 1 : level - 1) + 1;
        levels_[level].points.reserve(room);  // with so many levels, each has no more pairs than this
        levels_[level].begin.reserve(room + 1);
        prices_[level].reserve(room);
    }
    loads_.reserve(most);
    ideals_.reserve(most);
    others_.reserve(most);
    front_.reserve(kMostPoints);
}

/// Lays out the sets; true when those of the call before are of use: then `reused_` of them are.
bool ExactFront::layout(const CostModel& before) {
    const auto& classes = model_.classes();
    weight_[0] = 1;
    second_ = (model_.available().size() + 1) / 2;
    single_ = std::all_of(classes.begin(), classes.end(), [](const auto& each) { return each.flows == 1; });
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

/// Calls `visit` with every subset of `state`.
template <typename Visit>
void ExactFront::each_part(std::uint32_t state, const Visit& visit) const {
    if (single_) {
        for (std::uint32_t part = state;; part = (part - 1) & state) {
            visit(part);
            if (part == 0) {
                return;
            }
        }
    }
    const Counts whole = counts_of(state);
    const std::size_t classes = model_.classes().size();
    Counts part{};
    std::uint32_t number = 0;
    for (std::size_t digit = 0; digit < classes;) {  // counted up like an odometer
        visit(number);
        for (digit = 0; digit < classes && part[digit] == whole[digit]; ++digit) {
            number -= part[digit] * weight_[digit];
            part[digit] = 0;
        }
        if (digit < classes) {
            ++part[digit];
            number += weight_[digit];
        }
    }
}

/// What each set costs on the level's interface, from the set with one flow of its last class less.
void ExactFront::price_sets(std::size_t level, std::uint32_t first) {
    const std::size_t j = model_.available()[level];
    std::vector<Cost>& prices = prices_[level];
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

/// A chain's first interface carries all of a set.
void ExactFront::first_level(std::size_t number, std::uint32_t first) {
    Level& level = levels_[number];
    level.points.resize(states_);
    level.begin.resize(states_ + 1);
    for (std::uint32_t state = first; state < states_; ++state) {
        level.points[state] = {prices_[number][state], state, 0};
        level.begin[state] = state;
    }
    level.begin[states_] = states_;
}

/// Leaves in `scratch_` what is nondominated among all ways to split `state` between a chain's first two interfaces.
void ExactFront::add_one(std::size_t level, std::uint32_t state) {
    const std::vector<Cost>& here = prices_[level];
    const std::vector<Cost>& below = prices_[level - 1];
    scratch_.clear();
    each_part(state, [&](std::uint32_t taken) {
        const std::uint32_t rest = state - taken;
        scratch_.insert({here[taken] + below[rest], taken, rest});
    });
}

/// The same between an interface and the fronts of those before it in its chain.
void ExactFront::add_many(std::size_t level, std::uint32_t state) {
    const Level& below = levels_[level - 1];
    scratch_.clear();
    each_part(state, [&](std::uint32_t taken) {
        const std::uint32_t rest = state - taken;
        const Cost& price = prices_[level][taken];
        if (scratch_.beats(ideals_[rest] + price)) {
            return;
        }
        for (std::uint32_t from = below.begin[rest]; from < below.begin[rest + 1]; ++from) {
            scratch_.insert({below.points[from].cost + price, taken, from});
        }
    });
}

void ExactFront::find_ideals(const Level& level, std::vector<Cost>& ideals) const {
    ideals.resize(states_);
    for (std::uint32_t state = 0; state < states_; ++state) {
        Cost& ideal = ideals[state];
        ideal = level.points[level.begin[state]].cost;  // the least power
        for (std::uint32_t i = level.begin[state] + 1; i < level.begin[state + 1]; ++i) {
            ideal.shortfall = std::min(ideal.shortfall, level.points[i].cost.shortfall);
            ideal.moves = std::min(ideal.moves, level.points[i].cost.moves);
        }
    }
}

/// All sets from `first` on.
bool ExactFront::next_level(std::size_t level, std::uint32_t first, const Deadline& deadline) {
    const bool one_below = starts_chain(level - 1);
    if (!one_below) {
        find_ideals(levels_[level - 1], ideals_);
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
        if (one_below) {
            add_one(level, state);
        } else {
            add_many(level, state);
        }
        if (scratch_.overflowed()) {
            return false;
        }
        const auto points = scratch_.points();
        here.points.insert(here.points.end(), points.begin(), points.end());
        here.begin[state + 1] = static_cast<std::uint32_t>(here.points.size());
    }
    return true;
}

bool ExactFront::tables(std::uint32_t first, const Deadline& deadline) {
    for (std::size_t level = 0; level < model_.available().size(); ++level) {
        price_sets(level, first);
        if (starts_chain(level)) {
            first_level(level, first);
        } else if (!next_level(level, first, deadline)) {
            return false;
        }
    }
    return true;
}

void ExactFront::join_sets(std::uint32_t state, std::uint32_t rest) {
    const Level& one = levels_[second_ - 1];
    const Level& other = levels_[model_.available().size() - 1];
    for (std::uint32_t i = one.begin[state]; i < one.begin[state + 1]; ++i) {
        for (std::uint32_t k = other.begin[rest]; k < other.begin[rest + 1]; ++k) {
            scratch_.insert({one.points[i].cost + other.points[k].cost, i, k});
        }
    }
}

/// The front of all flows: each set over the first half of the interfaces, all others over the second half.
bool ExactFront::join(const Deadline& deadline) {
    find_ideals(levels_[second_ - 1], ideals_);
    find_ideals(levels_[model_.available().size() - 1], others_);
    scratch_.clear();
    const std::uint32_t full = states_ - 1;
    for (std::uint32_t state = 0; state <= full; ++state) {  // the set without these flows is full − state
        if (state % 16 == 0 && deadline.passed()) {
            return false;
        }
        if (!scratch_.beats(ideals_[state] + others_[full - state])) {
            join_sets(state, full - state);
        }
    }
    front_.assign(scratch_.points().begin(), scratch_.points().end());
    return !scratch_.overflowed();
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
    if (!tables(first, deadline)) {
        return false;
    }
    if (levels == 1) {
        front_.push_back({levels_[0].points.back().cost, states_ - 1, 0});
    } else if (!join(deadline)) {
        front_.clear();
        return false;
    }
    complete_ = true;
    return true;
}

Cost ExactFront::cost(std::size_t point) const {
    return with_moves_ ? front_[point].cost : model_.evaluate(assignment(point));
}

/// What each interface of a chain carries, from the chain's last level down.
void ExactFront::trace(std::size_t level, std::uint32_t point, Parts& parts) const {
    while (true) {
        const Point& at = levels_[level].points[point];
        parts[level] = counts_of(at.taken);
        if (starts_chain(level)) {
            return;
        }
        point = at.from;
        --level;
    }
}

Assignment ExactFront::assignment(std::size_t point) const {
    Assignment result;
    result.fill(kParked);
    const auto& available = model_.available();
    if (available.empty()) {
        return result;
    }
    Parts left{};
    trace(second_ - 1, front_[point].taken, left);
    if (available.size() > 1) {
        trace(available.size() - 1, front_[point].from, left);
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
