#include "selection/nondominated.h"

namespace homeward::selection {

void Nondominated::take(const PartialPoint& point) {
    const std::size_t size = points_.size();
    std::size_t place = 0;
    while (place < size && points_[place].cost.power < point.cost.power) {
        ++place;
    }
    std::size_t kept = place;
    for (std::size_t i = place; i < size; ++i) {
        if (!point.cost.no_worse(points_[i].cost)) {
            points_[kept++] = points_[i];
        }
    }
    points_.resize(kept);
    if (kept == room_) {
        overflowed_ = true;
        return;
    }
    points_.insert(points_.begin() + static_cast<std::ptrdiff_t>(place), point);
}

}  // namespace homeward::selection
