#pragma once

#include <span>
#include <vector>

#include "selection/assignment.h"
#include "selection/deadline.h"
#include "selection/random.h"

namespace homeward::selection {

/// NSGA-II (Deb et al. 2000) on binary chromosomes, ⌈log2 m⌉ bits for each flow; objectives power and shortfall.
class Nsga2 {
  public:
    struct Settings {
        std::uint32_t population = 100;
        std::uint32_t parents = 50;
        std::uint32_t offspring = 50;
        std::uint32_t generations = 100;
        double crossover = 0.9;
        /// Probability of a bit's flip; 0: one in the length.
        double mutation = 0;
        /// Of those with equal objectives only one competes, and a child that repeats a parent mutates again.
        bool distinct = false;
        /// Each individual of the first population draws which interfaces it uses. Without that, flows are drawn onto
        /// all of them alike: nearly every individual uses nearly every interface, and a front's cheap end, where most
        /// radios idle, has to be found by mutation.
        bool spread_start = false;
        /// Probability that two flows of a child trade places instead of bits that flip. Where bandwidth is short, a
        /// better packing is an exchange away, which as two flips passes through something worse.
        double exchange = 0;
    };
    /// Settings that come closer to the exact front than the paper's, at the same price.
    static Settings improved(std::uint32_t generations);

    explicit Nsga2(const Settings& settings);

    /// Starts from `warm` (as many as fit) and random ones. The generation at which the deadline passes is the last.
    void solve(const AssignmentProblem& problem, std::span<const Assignment> warm, Random& random,
               const Deadline& deadline);

    /// Nondominated, one for each pair of objectives, by ascending power.
    std::size_t size() const { return front_.size(); }
    Cost cost(std::size_t point) const { return pool_[front_[point]].cost; }
    const Assignment& assignment(std::size_t point) const { return pool_[front_[point]].assignment; }
    /// All of the last population, dominated ones too: what the paper draws.
    std::span<const std::uint32_t> population() const { return chosen_; }
    const Cost& cost_of(std::uint32_t individual) const { return pool_[individual].cost; }
    std::uint32_t generations_done() const { return generations_; }

  private:
    static constexpr std::size_t kWords = kMaxFlows * 4 / 64;
    using Chromosome = std::array<std::uint64_t, kWords>;
    struct Individual {
        Chromosome bits{};
        Assignment assignment{};
        Cost cost;
        std::uint32_t rank = 0;
        double crowding = 0;
    };

    void start(std::span<const Assignment> warm, Random& random);
    void draw(Individual& individual, Random& random) const;
    void decode(Individual& individual) const;
    void encode(Individual& individual) const;
    void breed(Random& random);
    std::uint32_t tournament(Random& random) const;
    void cross(Chromosome& a, Chromosome& b, Random& random) const;
    void mutate(Chromosome& bits, Random& random) const;
    void flip(Chromosome& bits, Random& random) const;
    void finish(Individual& child, const Chromosome& mother, const Chromosome& father, Random& random) const;
    std::uint64_t gene(const Chromosome& bits, std::size_t flow) const;
    void put_gene(Chromosome& bits, std::size_t flow, std::uint64_t value) const;
    void sort_fronts();
    void mark_repeats();
    void crowd(std::span<std::uint32_t> front);
    void crowd_by(std::span<std::uint32_t> front, std::int64_t Cost::*objective);
    void select();
    void collect_front();

    Settings settings_;
    CostModel model_;
    std::uint32_t flow_bits_ = 1;
    std::uint32_t length_ = 0;
    double log_keep_ = 0;  // ln(1 − mutation)
    std::uint32_t generations_ = 0;
    std::vector<Individual> pool_;
    std::vector<std::uint32_t> chosen_;    // the population: places in the pool
    std::vector<std::uint32_t> free_;      // places for offspring
    std::vector<std::uint32_t> everyone_;  // population and offspring, by front
    std::vector<std::int64_t> ends_;       // smallest shortfall of each front while sorting
    std::vector<std::uint32_t> mating_;
    std::vector<std::uint32_t> front_;
};

}  // namespace homeward::selection
