#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "selection/numbers.h"

namespace homeward::selection {

/// A hidden Markov model of counts, decoded by Viterbi in log space. A probability is (count + ε) / (row + ε·width), so
/// that what was never seen stays possible; with ε = 0 it is impossible.
class Hmm {
  public:
    using Index = std::uint16_t;
    /// Longest sequence that is decoded.
    static constexpr std::size_t kMaxLength = 64;

    Hmm(std::size_t states, std::size_t symbols, double epsilon);

    std::size_t states() const { return states_; }
    std::size_t symbols() const { return symbols_; }

    void count_start(Index state, double weight = 1) { starts_[state] += weight; }
    void count_transition(Index from, Index to, double weight = 1) { transitions_[at(from, to)] += weight; }
    void count_emission(Index state, Index symbol, double weight = 1) {
        emissions_[state * symbols_ + symbol] += weight;
    }
    /// What was counted for the state weighs `keep` times as much from now on.
    void forget(Index state, double keep);
    void forget_emissions(Index state);
    /// Counts become probabilities. `state`: only its rows.
    void update();
    void update(Index state);

    /// The counts, and them again; false leaves them undefined.
    void save(std::vector<double>& numbers) const;
    bool load(NumberReader& numbers);

    /// The most probable states behind `symbols`, into `path`, which is as long; `allowed` (empty: all) says which
    /// states there are. False when no sequence is possible. O(length · (states + transitions seen)). Ties: the lowest
    /// state.
    bool decode(std::span<const Index> symbols, std::span<Index> path, std::span<const bool> allowed = {});

  private:
    std::size_t at(std::size_t from, std::size_t to) const { return from * states_ + to; }
    void step(Index symbol, std::span<const bool> allowed, const double* best, double* next) const;
    Index origin(const double* best, Index state) const;
    void update_starts();

    std::size_t states_;
    std::size_t symbols_;
    double epsilon_;
    std::vector<double> starts_, transitions_, emissions_;
    // Logarithms. Transitions by origin and emissions by symbol, so that loops run along memory.
    std::vector<double> log_starts_, log_transitions_, log_emissions_;
    std::vector<double> log_unseen_;        // of each state: a transition to where it was never seen to go
    std::vector<Index> seen_;               // of each state: where it was seen to go, ...
    std::vector<std::size_t> seen_counts_;  // ... and to how many
    std::vector<double> best_;              // of each step and state: ln of the most probable path that ends there
};

}  // namespace homeward::selection
