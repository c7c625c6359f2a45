#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "selection/assignment.h"

namespace homeward::selection {

/// A partial assignment on the way to a front. What the two numbers name is its maker's.
struct PartialPoint {
    Cost cost;
    std::uint32_t taken = 0;
    std::uint32_t from = 0;
};

/// Points of which none is as good as another in everything, by ascending power. Never more than it has room for.
class Nondominated {
  public:
    explicit Nondominated(std::size_t room) : room_(room) { points_.reserve(room); }

    void clear() {
        points_.clear();
        overflowed_ = false;
    }
    /// A point was left out for want of room.
    bool overflowed() const { return overflowed_; }
    std::span<const PartialPoint> points() const { return points_; }

    /// Is a point at least as good in everything? Looks at eight points without a branch: fronts are shorter than that
    /// mostly, and which point it is cannot be guessed.
    bool beats(const Cost& cost) const {
        const std::size_t size = points_.size();
        for (std::size_t begin = 0; begin < size; begin += kAtOnce) {
            const std::size_t end = begin + kAtOnce < size ? begin + kAtOnce : size;
            unsigned found = 0;
            for (std::size_t i = begin; i < end; ++i) {
                const Cost& each = points_[i].cost;
                found |= static_cast<unsigned>(each.power <= cost.power) &
                         static_cast<unsigned>(each.shortfall <= cost.shortfall) &
                         static_cast<unsigned>(each.moves <= cost.moves);
            }
            if (found != 0) {
                return true;
            }
            if (points_[end - 1].cost.power > cost.power) {
                return false;
            }
        }
        return false;
    }
    /// Takes the point unless one beats it; drops those that it beats.
    void insert(const PartialPoint& point) {
        if (!beats(point.cost)) {
            take(point);
        }
    }

  private:
    static constexpr std::size_t kAtOnce = 8;

    void take(const PartialPoint& point);

    std::size_t room_;
    bool overflowed_ = false;
    std::vector<PartialPoint> points_;
};

}  // namespace homeward::selection
