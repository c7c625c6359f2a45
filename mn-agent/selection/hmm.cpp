#include "selection/hmm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace homeward::selection {
namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

/// ln of (count + ε) / (sum + ε·width); a row without counts and without ε is impossible.
class Row {
  public:
    Row(std::span<const double> counts, double epsilon)
        : epsilon_(epsilon),
          total_(std::accumulate(counts.begin(), counts.end(), 0.0) + epsilon * static_cast<double>(counts.size())) {}
    double log_of(double count) const {
        return count + epsilon_ > 0 ? std::log((count + epsilon_) / total_) : kImpossible;
    }

  private:
    double epsilon_;
    double total_;
};

}  // namespace

Hmm::Hmm(std::size_t states, std::size_t symbols, double epsilon)
    : states_(states),
      symbols_(symbols),
      epsilon_(epsilon),
      starts_(states),
      transitions_(states * states),
      emissions_(states * symbols),
      log_starts_(states),
      log_transitions_(states * states),
      log_emissions_(states * symbols),
      log_unseen_(states),
      seen_(states * states),
      seen_counts_(states),
      best_(states * kMaxLength) {
    update();
}

void Hmm::forget(Index state, double keep) {
    starts_[state] *= keep;
    for (std::size_t j = 0; j < states_; ++j) {
        transitions_[at(state, j)] *= keep;
    }
    for (std::size_t k = 0; k < symbols_; ++k) {
        emissions_[state * symbols_ + k] *= keep;
    }
}

void Hmm::forget_emissions(Index state) {
    std::fill_n(emissions_.begin() + static_cast<std::ptrdiff_t>(state * symbols_), symbols_, 0.0);
}

void Hmm::save(std::vector<double>& numbers) const {
    for (const auto* counts : {&starts_, &transitions_, &emissions_}) {
        save_counts(*counts, numbers);
    }
}

bool Hmm::load(NumberReader& numbers) {
    const bool loaded =
        load_counts(numbers, starts_) && load_counts(numbers, transitions_) && load_counts(numbers, emissions_);
    update();
    return loaded;
}

void Hmm::update_starts() {
    const Row starts{starts_, epsilon_};
    for (std::size_t i = 0; i < states_; ++i) {
        log_starts_[i] = starts.log_of(starts_[i]);
    }
}

void Hmm::update(Index state) {
    const std::span<const double> transitions{transitions_.data() + at(state, 0), states_};
    const std::span<const double> emissions{emissions_.data() + state * symbols_, symbols_};
    const Row to{transitions, epsilon_};
    log_unseen_[state] = to.log_of(0);
    seen_counts_[state] = 0;
    for (std::size_t j = 0; j < states_; ++j) {
        log_transitions_[at(state, j)] = to.log_of(transitions[j]);
        if (transitions[j] > 0) {
            seen_[at(state, seen_counts_[state]++)] = static_cast<Index>(j);
        }
    }
    const Row shows{emissions, epsilon_};
    for (std::size_t k = 0; k < symbols_; ++k) {
        log_emissions_[k * states_ + state] = shows.log_of(emissions[k]);
    }
    update_starts();
}

void Hmm::update() {
    for (std::size_t state = 0; state < states_; ++state) {
        update(static_cast<Index>(state));
    }
}

/// next(j) = max over i of best(i) + ln t(i, j), plus ln e(j, symbol). What was never seen is equally probable from i
/// to wherever, and less so than what was: one maximum stands for all of it.
void Hmm::step(Index symbol, std::span<const bool> allowed, const double* best, double* next) const {
    double unseen = kImpossible;
    for (std::size_t i = 0; i < states_; ++i) {
        unseen = std::max(unseen, best[i] + log_unseen_[i]);
    }
    std::fill_n(next, states_, unseen);
    for (std::size_t i = 0; i < states_; ++i) {
        for (std::size_t k = 0; k < seen_counts_[i]; ++k) {
            const Index j = seen_[at(i, k)];
            next[j] = std::max(next[j], best[i] + log_transitions_[at(i, j)]);
        }
    }
    for (std::size_t j = 0; j < states_; ++j) {
        next[j] += allowed.empty() || allowed[j] ? log_emissions_[symbol * states_ + j] : kImpossible;
    }
}

/// The state before `state` on the best way to it. Found on the way back, for the states of one path only.
Hmm::Index Hmm::origin(const double* best, Index state) const {
    Index found = 0;
    double highest = kImpossible;
    for (std::size_t i = 0; i < states_; ++i) {
        const double through = best[i] + log_transitions_[at(i, state)];
        if (through > highest) {
            highest = through;
            found = static_cast<Index>(i);
        }
    }
    return found;
}

bool Hmm::decode(std::span<const Index> symbols, std::span<Index> path, std::span<const bool> allowed) {
    if (symbols.empty() || symbols.size() > kMaxLength || path.size() != symbols.size() ||
        std::any_of(symbols.begin(), symbols.end(), [&](Index each) { return each >= symbols_; })) {
        return false;
    }
    for (std::size_t j = 0; j < states_; ++j) {
        const bool is = allowed.empty() || allowed[j];
        best_[j] = is ? log_starts_[j] + log_emissions_[symbols[0] * states_ + j] : kImpossible;
    }
    for (std::size_t t = 1; t < symbols.size(); ++t) {
        step(symbols[t], allowed, best_.data() + (t - 1) * states_, best_.data() + t * states_);
    }
    const double* last = best_.data() + (symbols.size() - 1) * states_;
    const double* highest = std::max_element(last, last + states_);
    if (*highest == kImpossible) {
        return false;
    }
    path.back() = static_cast<Index>(highest - last);
    for (std::size_t t = symbols.size(); t-- > 1;) {
        path[t - 1] = origin(best_.data() + (t - 1) * states_, path[t]);
    }
    return true;
}

}  // namespace homeward::selection
