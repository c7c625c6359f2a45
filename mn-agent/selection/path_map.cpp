#include "selection/path_map.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace homeward::selection {
namespace {

constexpr double kMetresPerDegree = 111'195;  // of a meridian, mean Earth

}  // namespace

double distance(const Point& a, const Point& b) {
    return std::hypot(a.east - b.east, a.north - b.north);
}

Plane::Plane(double latitude, double longitude)
    : latitude_(latitude),
      longitude_(longitude),
      metres_per_longitude_(kMetresPerDegree * std::cos(latitude * std::numbers::pi / 180)) {}

Point Plane::point(const Position& position) const {
    return {(position.longitude - longitude_) * metres_per_longitude_,
            (position.latitude - latitude_) * kMetresPerDegree};
}

Position Plane::position(const Point& point) const {
    Position position;
    position.latitude = latitude_ + point.north / kMetresPerDegree;
    position.longitude = longitude_ + point.east / metres_per_longitude_;
    return position;
}

PathMap::PathMap(std::vector<Point> waypoints, double cell_m, double reach_m, std::size_t max_cells)
    : waypoints_(std::move(waypoints)), cell_m_(cell_m), reach_m_(reach_m) {
    along_.reserve(waypoints_.size());
    double total = 0;
    for (std::size_t i = 0; i < waypoints_.size(); ++i) {
        total += i > 0 ? distance(waypoints_[i - 1], waypoints_[i]) : 0;
        along_.push_back(total);
    }
    cell_m_ = std::max(cell_m_, total / static_cast<double>(max_cells));
    const auto cells = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(total / cell_m_ - 1e-9)));
    for (std::size_t i = 0; i < cells; ++i) {
        centres_.push_back({at((static_cast<double>(i) + 0.5) * cell_m_), 0});
    }
}

Point PathMap::at(double along) const {
    std::size_t i = 1;
    while (i + 1 < along_.size() && along_[i] < along) {
        ++i;
    }
    if (along_.size() < 2) {
        return waypoints_.empty() ? Point{} : waypoints_[0];
    }
    const double length = along_[i] - along_[i - 1];
    const double part = length > 0 ? std::clamp((along - along_[i - 1]) / length, 0.0, 1.0) : 0;
    const Point& a = waypoints_[i - 1];
    const Point& b = waypoints_[i];
    return {a.east + part * (b.east - a.east), a.north + part * (b.north - a.north)};
}

std::optional<Hmm::Index> PathMap::cell_of(const Point& point) const {
    double nearest = reach_m_;
    double place = -1;
    for (std::size_t i = 1; i < waypoints_.size(); ++i) {
        const Point& a = waypoints_[i - 1];
        const Point& b = waypoints_[i];
        const double length = along_[i] - along_[i - 1];
        const double dot = (point.east - a.east) * (b.east - a.east) + (point.north - a.north) * (b.north - a.north);
        const double part = length > 0 ? std::clamp(dot / (length * length), 0.0, 1.0) : 0;
        const Point foot{a.east + part * (b.east - a.east), a.north + part * (b.north - a.north)};
        const double off = distance(point, foot);
        if (off <= nearest) {
            nearest = off;
            place = along_[i - 1] + part * length;
        }
    }
    if (place < 0) {
        return std::nullopt;
    }
    const auto cell = static_cast<std::size_t>(place / cell_m_);
    return static_cast<Hmm::Index>(std::min(cell, centres_.size() - 1));
}

void PathMap::add_fix(Hmm::Index cell, const Point& point) {
    Centre& centre = centres_[cell];
    centre.fixes += 1;
    if (centre.fixes <= 1) {
        centre.mean = point;
        return;
    }
    centre.mean.east += (point.east - centre.mean.east) / centre.fixes;
    centre.mean.north += (point.north - centre.mean.north) / centre.fixes;
}

void PathMap::save(std::vector<double>& numbers) const {
    for (const Centre& centre : centres_) {
        numbers.insert(numbers.end(), {centre.fixes, centre.mean.east, centre.mean.north});
    }
}

bool PathMap::load(NumberReader& numbers) {
    for (Centre& centre : centres_) {
        const auto fixes = numbers.next();
        const auto east = numbers.next();
        const auto north = numbers.next();
        if (!fixes || !east || !north || *fixes < 0) {
            return false;
        }
        centre = {{*east, *north}, *fixes};
    }
    return true;
}

}  // namespace homeward::selection
