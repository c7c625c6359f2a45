#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace bench {

/// Counts of TSC cycles in buckets of at most 1/16 of their value.
class Histogram {
  public:
    void add(std::uint64_t cycles, std::uint64_t times = 1) noexcept { counts_[bucket(cycles)] += times; }
    void add(const Histogram& other) noexcept {
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            counts_[i] += other.counts_[i];
        }
    }
    void clear() noexcept { counts_.fill(0); }
    std::uint64_t total() const noexcept {
        std::uint64_t sum = 0;
        for (const std::uint64_t count : counts_) {
            sum += count;
        }
        return sum;
    }
    /// The upper edge of the bucket in which the `share` (0…1) of all counts is reached.
    double quantile(double share) const noexcept {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total()));
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            sum += counts_[i];
            if (sum > wanted) {
                return static_cast<double>(upper_edge(i));
            }
        }
        return 0;
    }

  private:
    static constexpr unsigned kFine = 4;  ///< bits below the leading one that tell buckets apart

    static std::size_t bucket(std::uint64_t value) noexcept {
        if (value < (1U << kFine)) {
            return value;
        }
        const auto exponent = static_cast<unsigned>(std::bit_width(value)) - 1 - kFine;
        return std::min<std::size_t>((std::size_t{exponent} << kFine) + (value >> exponent), kBuckets - 1);
    }
    static std::uint64_t upper_edge(std::size_t index) noexcept {
        if (index < (1U << kFine)) {
            return index + 1;
        }
        const std::size_t exponent = (index >> kFine) - 1;
        return ((index & ((1U << kFine) - 1)) + (1U << kFine) + 1) << exponent;
    }

    static constexpr std::size_t kBuckets = 40U << kFine;
    std::array<std::uint64_t, kBuckets> counts_{};
};

}  // namespace bench
