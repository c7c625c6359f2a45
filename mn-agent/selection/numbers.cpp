#include "selection/numbers.h"

#include <algorithm>

namespace homeward::selection {

void save_counts(const std::vector<double>& counts, std::vector<double>& numbers) {
    const auto zeros = std::count(counts.begin(), counts.end(), 0.0);
    numbers.push_back(static_cast<double>(counts.size() - static_cast<std::size_t>(zeros)));
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] != 0) {
            numbers.push_back(static_cast<double>(i));
            numbers.push_back(counts[i]);
        }
    }
}

bool load_counts(NumberReader& numbers, std::vector<double>& counts) {
    const auto written = numbers.next_below(counts.size() + 1);
    std::fill(counts.begin(), counts.end(), 0.0);
    for (std::size_t i = 0; i < written.value_or(0); ++i) {
        const auto place = numbers.next_below(counts.size());
        const auto count = numbers.next();
        if (!place || !count || *count < 0) {
            return false;
        }
        counts[*place] = *count;
    }
    return written.has_value();
}

}  // namespace homeward::selection
