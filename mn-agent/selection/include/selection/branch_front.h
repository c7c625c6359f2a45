#pragma once

#include <span>
#include <vector>

#include "selection/assignment.h"
#include "selection/deadline.h"

namespace homeward::selection {

/// The Pareto front of power and shortfall by branch and bound: flow by flow onto the interfaces of one set after the
/// other, leaving out what cannot beat a point that is known. For problems with too many distinct flows for ExactFront.
///
/// Bounds of what the flows that are still to be placed add. Shortfall: what they ask for beyond all room that is left.
/// Power without its wakes is Σ c·(1 − e^−y) of sums y over flows, which lies above the chord from no flow to all of
/// them; so wherever they go they add at least their part of what all of them would add on the interface where that is
/// least. An interface of the set carries at least one flow.
///
/// What was found stands when the search is cut short: an approximation then, else the exact front.
class BranchFront {
  public:
    struct Settings {
        /// Partial assignments and sets looked at, about a tenth of a microsecond each; a budget that does not depend
        /// on a clock. 0: no search.
        std::uint32_t max_nodes = 2'000;
    };

    explicit BranchFront(const Settings& settings);

    /// Starts from the assignments `known`; one with a flow on an interface that is not there is left out. True: it
    /// ended, and the front is exact.
    bool solve(const AssignmentProblem& problem, std::span<const Assignment> known, const Deadline& deadline);

    /// Nondominated, one for each pair of objectives, by ascending power.
    std::size_t size() const { return found_.size(); }
    Cost cost(std::size_t point) const { return found_[point].cost; }
    const Assignment& assignment(std::size_t point) const { return found_[point].assignment; }
    std::uint32_t nodes() const { return nodes_; }

    /// More flows than this are not searched.
    static constexpr std::size_t kMaxDepth = 32;

  private:
    static constexpr std::size_t kMostPoints = 1024;
    struct Found {
        Cost cost;
        Assignment assignment;
    };
    /// An interface of the set that is tried.
    struct Open {
        std::uint8_t interface = 0;
        Load load;
        double least_w = 0;  // of its load and whatever may come
        double alone_w = 0;  // of the flow that costs least alone
    };

    void order_flows();
    void sum_rests();
    void find_shares();
    bool afford(const Deadline& deadline);
    void search_set(std::uint32_t set, const Deadline& deadline);
    void descend(std::size_t depth, const Deadline& deadline);
    Cost bound(std::size_t depth) const;
    bool beaten(const Cost& cost) const;
    bool can_be(const Assignment& assignment) const;
    void take(const Assignment& assignment);

    Settings settings_;
    CostModel model_;
    std::array<std::uint8_t, kMaxFlows> order_{};
    std::array<std::uint8_t, kMaxDepth> place_{};  // of the flow at each depth among the open interfaces
    // Of the flows from each depth on: what they load each interface with, what they ask for, and which part of
    // what all of them would add they add at least, however they are split.
    std::array<std::array<Load, kMaxInterfaces>, kMaxDepth + 1> rest_{};
    std::array<std::int64_t, kMaxDepth + 1> rest_demand_{};
    std::array<double, kMaxDepth + 1> share_{};
    Bounded<Open, kMaxInterfaces> open_;
    double closed_w_ = 0;  // power of the interfaces outside the set
    std::size_t unused_ = 0;
    Assignment assignment_{};
    std::vector<Found> found_;
    std::uint32_t nodes_ = 0;
    bool cut_ = false;
};

}  // namespace homeward::selection
