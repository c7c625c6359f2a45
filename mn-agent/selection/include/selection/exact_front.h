#pragma once

#include <vector>

#include "selection/assignment.h"
#include "selection/deadline.h"
#include "selection/nondominated.h"

namespace homeward::selection {

/// The exact Pareto front of an assignment problem, by dynamic programming over sets of flows.
///
/// Power, shortfall and moves are sums over interfaces, so an assignment of the flows S to the first j interfaces that
/// is dominated stays dominated whatever the others carry:
///     F_j(S) = nondominated{ F_{j−1}(S∖U) + cost_j(U) : U ⊆ S }
/// Two such chains, each over half of the interfaces, meet in the set of all flows: fronts of few interfaces are short,
/// and a chain's second level adds a single cost to a single cost.
/// Flows of one class are interchangeable: a set is a count for each class, which makes few classes polynomial.
/// When one flow was added at the end since the last call, all sets without it are kept.
class ExactFront {
  public:
    struct Settings {
        /// More pairs (S, U) than this on all levels together are not tried. 8 flows on 4 interfaces are 13,000.
        std::uint64_t max_pairs = 2'000'000;
    };

    /// A front of more points, which only one with moves is, is too large.
    static constexpr std::size_t kMostPoints = 4096;

    explicit ExactFront(const Settings& settings);

    /// False: too large, or out of time. Moves count as a third objective only where `with_moves`.
    bool solve(const AssignmentProblem& problem, bool with_moves, const Deadline& deadline);

    /// Points by ascending power; empty until solved. All parked when no interface is available.
    std::size_t size() const { return front_.size(); }
    Cost cost(std::size_t point) const;
    Assignment assignment(std::size_t point) const;
    const CostModel& model() const { return model_; }
    /// Sets that were taken over from the call before, of all; for its test and its benchmark.
    std::uint32_t reused_states() const { return reused_; }
    std::uint32_t states() const { return states_; }

  private:
    /// `taken`: the set that this level's interface carries; `from`: the point of the level below. In the front both
    /// are points: of the first chain's last level and of the second's.
    using Point = PartialPoint;
    struct Level {
        std::vector<Point> points;
        std::vector<std::uint32_t> begin;  // of each set's points; one more than sets
    };
    using Counts = std::array<std::uint8_t, kMaxFlows>;
    using Parts = std::array<Counts, kMaxInterfaces>;

    bool layout(const CostModel& before);
    std::uint64_t pairs() const;
    Counts counts_of(std::uint32_t state) const;
    bool starts_chain(std::size_t level) const { return level == 0 || level == second_; }
    template <typename Visit>
    void each_part(std::uint32_t state, const Visit& visit) const;
    void price_sets(std::size_t level, std::uint32_t first);
    void first_level(std::size_t level, std::uint32_t first);
    bool next_level(std::size_t level, std::uint32_t first, const Deadline& deadline);
    bool tables(std::uint32_t first, const Deadline& deadline);
    void find_ideals(const Level& level, std::vector<Cost>& ideals) const;
    void add_one(std::size_t level, std::uint32_t state);
    void add_many(std::size_t level, std::uint32_t state);
    bool join(const Deadline& deadline);
    void join_sets(std::uint32_t state, std::uint32_t rest);
    void park_all();
    void trace(std::size_t level, std::uint32_t point, Parts& parts) const;

    Settings settings_;
    CostModel model_;
    CostModel before_;
    bool with_moves_ = false;
    bool complete_ = false;
    std::uint32_t states_ = 0;
    std::uint32_t reused_ = 0;
    std::size_t second_ = 0;                             // the level that starts the second chain
    bool single_ = false;                                // every class is one flow: a set's number is its bits
    std::array<std::uint32_t, kMaxFlows + 1> weight_{};  // mixed radix: of each class
    std::array<Level, kMaxInterfaces> levels_;
    std::array<std::vector<Cost>, kMaxInterfaces> prices_;
    std::vector<Load> loads_;
    std::vector<Cost> ideals_;  // the best of each objective in the level below, for each set
    std::vector<Cost> others_;  // the same of the second chain, where the chains meet
    Nondominated scratch_{kMostPoints};
    std::vector<Point> front_;
};

}  // namespace homeward::selection
