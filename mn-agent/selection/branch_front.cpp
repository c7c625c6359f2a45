#include "selection/branch_front.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>

namespace homeward::selection {

BranchFront::BranchFront(const Settings& settings) : settings_(settings) {
    found_.reserve(kMostPoints);
}

/// Large demands first, so that shortfall shows early; flows of a class side by side, so that their order is tried
/// once.
void BranchFront::order_flows() {
    const std::size_t flows = model_.flows();
    for (std::size_t i = 0; i < flows; ++i) {
        order_[i] = static_cast<std::uint8_t>(i);
    }
    std::sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(flows), [&](auto a, auto b) {
        const auto key = [&](std::uint8_t i) { return std::tuple{-model_.demand(i), model_.class_of(i), i}; };
        return key(a) < key(b);
    });
}

void BranchFront::sum_rests() {
    const std::size_t flows = model_.flows();
    rest_demand_[flows] = 0;
    share_[flows] = 0;
    for (const std::uint8_t j : model_.available()) {
        rest_[flows][j] = Load{};
    }
    for (std::size_t depth = flows; depth-- > 0;) {
        const std::size_t flow = order_[depth];
        rest_demand_[depth] = rest_demand_[depth + 1] + model_.demand(flow);
        for (const std::uint8_t j : model_.available()) {
            rest_[depth][j] = rest_[depth + 1][j];
            model_.add(rest_[depth][j], model_.class_of(flow), j);
        }
    }
}

/// Each flow's least part of the sums y of all flows from `depth` on, over every term of every interface; summed.
void BranchFront::find_shares() {
    using Terms = std::array<double, 4>;
    std::array<std::array<Terms, kMaxInterfaces>, kMaxDepth> alone{};
    std::array<Terms, kMaxInterfaces> all{};
    for (std::size_t depth = model_.flows(); depth-- > 0;) {
        share_[depth] = 0;
        for (const std::uint8_t j : model_.available()) {
            Load one;
            model_.add(one, model_.class_of(order_[depth]), j);
            const double silent = -std::log(one.idle);
            alone[depth][j] = {silent, silent - std::log(one.tail1), silent - std::log(one.tail2), one.carried_mbps};
            std::transform(all[j].begin(), all[j].end(), alone[depth][j].begin(), all[j].begin(), std::plus{});
        }
        for (std::size_t d = depth; d < model_.flows(); ++d) {
            double least = 1;
            for (const std::uint8_t j : model_.available()) {
                const std::size_t terms = model_.radio(j).active_w_per_mbps > 0 ? 4 : 3;
                for (std::size_t k = 0; k < terms; ++k) {
                    least = std::min(least, alone[d][j][k] / all[j][k]);
                }
            }
            share_[depth] += least;
        }
    }
}

/// Is a point that was found at least as good in both? By ascending power shortfall falls: the last one that takes no
/// more power decides.
bool BranchFront::beaten(const Cost& cost) const {
    const auto after = std::partition_point(found_.begin(), found_.end(),
                                            [&](const Found& each) { return each.cost.power <= cost.power; });
    return after != found_.begin() && (after - 1)->cost.shortfall <= cost.shortfall;
}

bool BranchFront::can_be(const Assignment& assignment) const {
    const auto& available = model_.available();
    return std::all_of(
        assignment.begin(), assignment.begin() + static_cast<std::ptrdiff_t>(model_.flows()),
        [&](std::uint8_t j) { return std::find(available.begin(), available.end(), j) != available.end(); });
}

void BranchFront::take(const Assignment& assignment) {
    const Cost cost = model_.evaluate(assignment);
    if (beaten(cost)) {
        return;
    }
    const auto place = std::partition_point(found_.begin(), found_.end(),
                                            [&](const Found& each) { return each.cost.power < cost.power; });
    const auto kept =
        std::find_if(place, found_.end(), [&](const Found& each) { return each.cost.shortfall < cost.shortfall; });
    const auto gap = found_.erase(place, kept);
    if (found_.size() == kMostPoints) {
        cut_ = true;  // no room for the whole front
        return;
    }
    found_.insert(gap, {cost, assignment});
}

/// No assignment below this node costs less of either.
Cost BranchFront::bound(std::size_t depth) const {
    double carrying_w = 0, unused_w = 0, unused_alone_w = 0;
    double added_w = INFINITY;
    std::int64_t excess = 0, room = 0;
    for (const Open& each : open_) {
        const std::size_t j = each.interface;
        (each.load.flows > 0 ? carrying_w : unused_w) += each.least_w;
        unused_alone_w += each.load.flows > 0 ? 0 : each.alone_w;
        added_w = std::min(added_w, model_.least_power_w(each.load.with(rest_[depth][j]), j) - each.least_w);
        const std::int64_t free = model_.bandwidth(j) - each.load.demand;
        (free < 0 ? excess : room) += std::abs(free);
    }
    const double more_w = std::max(unused_w + share_[depth] * added_w, unused_alone_w);
    constexpr double kRounding = 1e-7;  // sums of rounded nanowatts, in another order
    Cost least;
    least.power = static_cast<std::int64_t>((closed_w_ + carrying_w + more_w - kRounding) * 1e9);
    least.shortfall = excess + std::max<std::int64_t>(0, rest_demand_[depth] - room);
    return least;
}

/// One node more, unless that is one too many.
bool BranchFront::afford(const Deadline& deadline) {
    ++nodes_;
    cut_ = cut_ || nodes_ > settings_.max_nodes || (nodes_ % 64 == 0 && deadline.passed());
    return !cut_;
}

void BranchFront::descend(std::size_t depth, const Deadline& deadline) {
    if (!afford(deadline)) {
        return;
    }
    if (depth == model_.flows()) {
        return take(assignment_);
    }
    const std::size_t flow = order_[depth];
    const bool again = depth > 0 && model_.class_of(order_[depth - 1]) == model_.class_of(flow);
    for (std::size_t at = again ? place_[depth - 1] : 0; at < open_.size() && !cut_; ++at) {
        Open& open = open_[at];
        const Open before = open;
        const std::size_t unused = unused_;
        model_.add(open.load, model_.class_of(flow), open.interface);
        open.least_w = model_.least_power_w(open.load, open.interface);
        unused_ -= before.load.flows == 0 ? 1U : 0U;
        assignment_[flow] = open.interface;
        place_[depth] = static_cast<std::uint8_t>(at);
        if (unused_ + depth + 1 <= model_.flows() && !beaten(bound(depth + 1))) {
            descend(depth + 1, deadline);
        }
        open = before;
        unused_ = unused;
    }
}

void BranchFront::search_set(std::uint32_t set, const Deadline& deadline) {
    open_.clear();
    closed_w_ = 0;
    for (std::size_t place = 0; place < model_.available().size(); ++place) {
        const std::uint8_t j = model_.available()[place];
        if ((set >> place & 1U) == 0) {
            closed_w_ += static_cast<double>(model_.power({}, j)) * 1e-9;
            continue;
        }
        Open open;
        open.interface = j;
        open.least_w = model_.least_power_w({}, j);
        open.alone_w = INFINITY;
        for (std::size_t c = 0; c < model_.classes().size(); ++c) {
            Load one;
            model_.add(one, c, j);
            open.alone_w = std::min(open.alone_w, model_.least_power_w(one, j));
        }
        open_.push_back(open);
    }
    unused_ = open_.size();
    if (unused_ <= model_.flows() && afford(deadline) && !beaten(bound(0))) {
        descend(0, deadline);
    }
}

bool BranchFront::solve(const AssignmentProblem& problem, std::span<const Assignment> known, const Deadline& deadline) {
    model_.prepare(problem, false);
    found_.clear();
    nodes_ = 0;
    cut_ = false;
    assignment_.fill(kParked);
    if (model_.available().empty() || model_.flows() == 0) {
        take(assignment_);
        return true;
    }
    if (model_.flows() > kMaxDepth) {
        return false;
    }
    for (const Assignment& each : known) {
        if (can_be(each)) {
            take(each);
        }
    }
    order_flows();
    sum_rests();
    find_shares();
    const std::uint32_t sets = 1U << model_.available().size();
    for (std::uint32_t set = 1; set < sets && !cut_; ++set) {
        search_set(set, deadline);
    }
    return !cut_;
}

}  // namespace homeward::selection
