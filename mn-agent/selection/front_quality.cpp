#include "selection/front_quality.h"

#include <algorithm>
#include <cmath>

namespace homeward::selection {
namespace {

bool before(const Cost& a, const Cost& b) {
    return a.power != b.power ? a.power < b.power : a.shortfall < b.shortfall;
}

bool contains(std::span<const Cost> front, const Cost& point) {
    return std::any_of(front.begin(), front.end(), [&](const Cost& each) {
        return each.power == point.power && each.shortfall == point.shortfall;
    });
}

double share_within(std::span<const Cost> points, std::span<const Cost> front) {
    const auto found =
        std::count_if(points.begin(), points.end(), [&](const Cost& each) { return contains(front, each); });
    return static_cast<double>(found) / static_cast<double>(points.size());
}

struct Scale {
    double power = 1;
    double shortfall = 1;
};

Scale scale_of(std::span<const Cost> exact) {
    const auto [low_power, high_power] =
        std::minmax_element(exact.begin(), exact.end(), [](const Cost& a, const Cost& b) { return a.power < b.power; });
    const auto [low_short, high_short] = std::minmax_element(
        exact.begin(), exact.end(), [](const Cost& a, const Cost& b) { return a.shortfall < b.shortfall; });
    return {std::max(1.0, static_cast<double>(high_power->power - low_power->power)),
            std::max(1.0, static_cast<double>(high_short->shortfall - low_short->shortfall))};
}

double distance_plus(std::span<const Cost> found, const Cost& exact, const Scale& scale) {
    double nearest = INFINITY;
    for (const Cost& each : found) {
        const double power = std::max(0.0, static_cast<double>(each.power - exact.power) / scale.power);
        const double shortfall = std::max(0.0, static_cast<double>(each.shortfall - exact.shortfall) / scale.shortfall);
        nearest = std::min(nearest, std::hypot(power, shortfall));
    }
    return nearest;
}

}  // namespace

void keep_nondominated(std::vector<Cost>& points) {
    std::sort(points.begin(), points.end(), before);
    std::size_t kept = 0;
    for (const Cost& point : points) {
        if (kept == 0 || point.shortfall < points[kept - 1].shortfall) {
            points[kept++] = point;
        }
    }
    points.resize(kept);
}

double hypervolume(std::span<const Cost> front, double reference_power, double reference_shortfall) {
    std::vector<Cost> sorted(front.begin(), front.end());
    std::sort(sorted.begin(), sorted.end(), before);
    double area = 0;
    double ceiling = reference_shortfall;
    for (const Cost& point : sorted) {
        const auto power = static_cast<double>(point.power);
        const auto shortfall = static_cast<double>(point.shortfall);
        if (power < reference_power && shortfall < ceiling) {
            area += (reference_power - power) * (ceiling - shortfall);
            ceiling = shortfall;
        }
    }
    return area;
}

FrontQuality front_quality(std::span<const Cost> found, std::span<const Cost> exact) {
    const auto worst_power =
        std::max_element(exact.begin(), exact.end(), [](const Cost& a, const Cost& b) { return a.power < b.power; });
    const auto worst_short = std::max_element(exact.begin(), exact.end(),
                                              [](const Cost& a, const Cost& b) { return a.shortfall < b.shortfall; });
    const double power = 1.1 * static_cast<double>(worst_power->power);
    const double shortfall = 1.1 * static_cast<double>(worst_short->shortfall) + 0.1e9;
    const Scale scale = scale_of(exact);
    FrontQuality quality;
    quality.recall = share_within(exact, found);
    quality.precision = share_within(found, exact);
    quality.hypervolume = hypervolume(found, power, shortfall) / hypervolume(exact, power, shortfall);
    for (const Cost& each : exact) {
        quality.igd_plus += distance_plus(found, each, scale) / static_cast<double>(exact.size());
    }
    return quality;
}

}  // namespace homeward::selection
