#pragma once

#include <array>
#include <cstdint>

namespace homeward::selection {

/// Seeded random numbers that are the same on every machine and library (xoshiro256++, seeded by splitmix64).
class Random {
  public:
    explicit Random(std::uint64_t seed);

    std::uint64_t next();
    /// 0 ≤ x < 1.
    double uniform() { return static_cast<double>(next() >> 11U) * 0x1p-53; }
    double uniform(double from, double to) { return from + (to - from) * uniform(); }
    /// 0 … bound − 1; `bound` ≥ 1.
    std::uint32_t below(std::uint32_t bound) {
        return static_cast<std::uint32_t>(((next() >> 32U) * static_cast<std::uint64_t>(bound)) >> 32U);
    }
    bool chance(double probability) { return uniform() < probability; }
    double normal();
    double exponential(double mean);

  private:
    std::array<std::uint64_t, 4> state_{};
    double spare_ = 0;
    bool has_spare_ = false;
};

}  // namespace homeward::selection
