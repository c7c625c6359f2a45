#pragma once

#include <array>
#include <optional>

#include "selection/bounded.h"
#include "selection/decision.h"

namespace homeward::selection {

/// What the user wants of the network: (α, β, γ, η) = performance, energy, offloading, continuity, each 0 … 1. Learned
/// from scores; without any, it goes back to the default.
class Preference {
  public:
    static constexpr std::size_t kDimensions = 4;
    using Vector = std::array<double, kDimensions>;

    enum class Learning : std::uint8_t {
        step,      ///< F ← clip(F + κ·s)
        bayesian,  ///< each score is a noisy reading of what is wanted; the first weigh most
    };
    struct Settings {
        Vector usual{0.5, 0.5, 0.5, 0.5};
        Learning learning = Learning::bayesian;
        double step = 0.1;
        /// Step while scores contradict each other: more than `contradictions` changes of sign in `contradiction_s`.
        double frozen_step = 0.02;
        std::uint32_t contradictions = 6;
        Seconds contradiction_s = 600;
        Seconds half_life_s = 86'400;
        /// What a score of 1 says about the distance from what is wanted.
        double score_scale = 0.2;
        double variance = 1.0 / 12;    // before any score: anything from 0 to 1
        double score_variance = 0.02;  // of a score's reading
    };

    explicit Preference(const Settings& settings);

    /// Scores are clamped to −2 … 2; those that are not numbers count as not given.
    void score(const Score& score, Seconds now);
    /// Lets what was learned fade; called as time goes by.
    void fade(Seconds now);
    const Vector& vector() const { return wanted_; }
    /// Starts from `vector` as if it had been learned; false when a value is outside 0 … 1.
    bool restore(const Vector& vector);

  private:
    void learn(std::size_t dimension, double score, Seconds now);
    bool contradictory(Seconds now) const;

    struct Turn {
        Seconds at = 0;
    };
    Settings settings_;
    Vector wanted_;
    Vector variance_{};
    std::array<double, kDimensions> last_sign_{};
    Bounded<Turn, 64> turns_;
    std::optional<Seconds> faded_;
};

}  // namespace homeward::selection
