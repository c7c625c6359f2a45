#pragma once

#include <cmath>
#include <optional>
#include <span>
#include <vector>

namespace homeward::selection {

/// Reads what an engine wrote of its memory. Whatever is not a finite number ends it.
class NumberReader {
  public:
    explicit NumberReader(std::span<const double> numbers) : numbers_(numbers) {}

    bool at_end() const { return place_ == numbers_.size(); }
    std::optional<double> next() {
        if (at_end() || !std::isfinite(numbers_[place_])) {
            return std::nullopt;
        }
        return numbers_[place_++];
    }
    /// A whole number below `bound`.
    std::optional<std::size_t> next_below(std::size_t bound) {
        const std::optional<double> value = next();
        if (!value || *value < 0 || *value >= static_cast<double>(bound) || *value != std::floor(*value)) {
            return std::nullopt;
        }
        return static_cast<std::size_t>(*value);
    }
    /// Is the next one this?
    bool expect(double value) { return next() == value; }

  private:
    std::span<const double> numbers_;
    std::size_t place_ = 0;
};

/// Counts are zero mostly: how many are not, then place and count of each.
void save_counts(const std::vector<double>& counts, std::vector<double>& numbers);
/// False: not as many counts, or one below zero.
bool load_counts(NumberReader& numbers, std::vector<double>& counts);

}  // namespace homeward::selection
