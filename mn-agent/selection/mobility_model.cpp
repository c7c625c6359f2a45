#include "selection/mobility_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace homeward::selection {
namespace {

/// What is thought of a place that nobody was seen at: one stays there.
constexpr double kStay = 0.05;
constexpr double kSnapshot = 20260101;  // its first number, of the first order; another one when its form changes
constexpr double kSecondOrder = 1;      // more than that, of the second

Hmm model_of_places(const MobilityModel::Settings& settings, std::size_t cells) {
    return settings.second_order ? Hmm{2 * cells, 3 * cells, settings.epsilon_place}
                                 : Hmm{cells, cells, settings.epsilon_place};
}

}  // namespace

MobilityModel::MobilityModel(const Settings& settings, const std::vector<Point>& path, std::vector<AccessPoint> points)
    : settings_(settings),
      map_(path, settings.cell_m, settings.reach_m),
      points_(std::move(points)),
      turn_cells_(std::max(1, static_cast<int>(std::lround(settings.turn_m / map_.cell_m())))),
      places_(model_of_places(settings, map_.cells())),
      access_(points_.size(), map_.cells(), settings.epsilon_point),
      counted_(turn_cells_) {
    for (std::size_t number = 0; number < map_.cells(); ++number) {
        const auto cell = static_cast<Index>(number);
        for (const Index place : places_of(cell, Heading::unknown)) {
            places_.count_start(place, kStay);
            places_.count_transition(place, place, kStay);
            places_.count_emission(place, cell, kStay);
            if (settings.second_order) {
                places_.count_emission(place, symbol_of(cell, heading_of(place)), kStay);
            }
        }
    }
    places_.update();
    start_second();
}

/// Before training an access point is seen where it is near, and one goes to its neighbours.
void MobilityModel::start_second() {
    access_ = Hmm{points_.size(), map_.cells(), settings_.epsilon_point};
    for (std::size_t i = 0; i < points_.size(); ++i) {
        const auto state = static_cast<Index>(i);
        double sum = 0;
        const auto nearness = [&](std::size_t cell) {
            const double away = distance(map_.centre(static_cast<Index>(cell)), points_[i].place) / settings_.prior_m;
            return std::exp(-away * away / 2);
        };
        for (std::size_t cell = 0; cell < map_.cells(); ++cell) {
            sum += nearness(cell);
        }
        for (std::size_t cell = 0; cell < map_.cells() && sum > 0; ++cell) {
            access_.count_emission(state, static_cast<Index>(cell), settings_.prior_weight * nearness(cell) / sum);
        }
        access_.count_start(state, settings_.prior_weight);
        access_.count_transition(state, state, settings_.prior_weight * settings_.prior_self);
        std::vector<std::size_t> others;
        for (std::size_t j = 0; j < points_.size(); ++j) {
            if (j != i) {
                others.push_back(j);
            }
        }
        std::sort(others.begin(), others.end(), [&](std::size_t a, std::size_t b) {
            return distance(points_[a].place, points_[i].place) < distance(points_[b].place, points_[i].place);
        });
        others.resize(std::min<std::size_t>(others.size(), 2));
        for (const std::size_t j : others) {
            access_.count_transition(
                state, static_cast<Index>(j),
                settings_.prior_weight * (1 - settings_.prior_self) / static_cast<double>(others.size()));
        }
    }
    access_.update();
}

std::size_t MobilityModel::nearest(const Point& point) const {
    const auto closer = [&](const AccessPoint& a, const AccessPoint& b) {
        return distance(a.place, point) < distance(b.place, point);
    };
    return static_cast<std::size_t>(std::min_element(points_.begin(), points_.end(), closer) - points_.begin());
}

Bounded<MobilityModel::Index, 2> MobilityModel::places_of(Index cell, Heading heading) const {
    Bounded<Index, 2> places;
    if (!settings_.second_order || heading != Heading::backward) {
        places.push_back(cell);
    }
    if (settings_.second_order && heading != Heading::forward) {
        places.push_back(static_cast<Index>(cell + map_.cells()));
    }
    return places;
}

MobilityModel::Index MobilityModel::symbol_of(Index cell, Heading heading) const {
    const std::size_t after = settings_.second_order ? static_cast<std::size_t>(heading) : 0;
    return static_cast<Index>(cell + after * map_.cells());
}

/// Who sees a cell alone sees it whatever the heading is: in the second order it is counted beside the cell that has
/// one, which doubles all of a row and changes no choice.
void MobilityModel::count_place(Index cell) {
    const Heading heading = counted_.see(cell);
    const auto to = places_of(cell, heading);
    for (const Index place : to) {
        const double weight = 1.0 / static_cast<double>(to.size());
        if (!last_) {
            break;
        }
        places_.count_start(place, weight);
        places_.count_emission(place, symbol_of(*last_, last_heading_), weight);
        if (settings_.second_order && last_heading_ != Heading::unknown) {
            places_.count_emission(place, *last_, weight);
        }
        const auto from = places_of(*last_, last_heading_);
        for (const Index origin : from) {
            if (before_) {
                places_.count_transition(origin, place, weight / static_cast<double>(from.size()));
            }
        }
    }
    before_ = last_.has_value();
    last_ = cell;
    last_heading_ = heading;
}

void MobilityModel::update_place(Index cell) {
    for (const Index place : places_of(cell, Heading::unknown)) {
        places_.update(place);
    }
}

void MobilityModel::count_cell(Index cell, Index label) {
    count_place(cell);
    access_.count_start(label);
    access_.count_emission(label, cell);
    if (last_label_) {
        access_.count_transition(*last_label_, label);
    }
    last_label_ = label;
}

std::optional<MobilityModel::Index> MobilityModel::count(const Point& fix, Index label) {
    const std::optional<Index> cell = map_.cell_of(fix);
    if (!cell) {
        restart();
        return std::nullopt;
    }
    map_.add_fix(*cell, fix);
    count_cell(*cell, label);
    return cell;
}

void MobilityModel::restart() {
    before_ = false;
    last_.reset();
    last_heading_ = Heading::unknown;
    counted_.reset();
    last_label_.reset();
}

void MobilityModel::train(std::span<const Point> walk) {
    restart();
    for (const Point& fix : walk) {
        count(fix, static_cast<Index>(nearest(fix)));
    }
    restart();
    places_.update();
    access_.update();
}

void MobilityModel::train(std::span<const Point> walk, std::span<const Index> labels) {
    restart();
    for (std::size_t t = 0; t < std::min(walk.size(), labels.size()); ++t) {
        count(walk[t], labels[t]);
    }
    restart();
    places_.update();
    access_.update();
}

void MobilityModel::learn(const Point& fix) {
    const std::optional<Index> cell = map_.cell_of(fix);
    if (!cell) {
        restart();
        return;
    }
    const std::optional<Index> left = last_;
    const std::optional<Index> left_label = last_label_;
    const auto label = static_cast<Index>(nearest(fix));
    for (const Index place : places_of(*cell, Heading::unknown)) {
        places_.forget(place, settings_.keep);
    }
    access_.forget(label, settings_.keep);
    count(fix, label);
    update_place(*cell);
    access_.update(label);
    if (left && *left != *cell) {
        update_place(*left);
    }
    if (left_label && *left_label != label) {
        access_.update(*left_label);
    }
}

void MobilityModel::place_point(std::size_t point, const Point& place) {
    points_[point].place = place;
    start_second();
    for (std::size_t cell = 0; cell < map_.cells(); ++cell) {
        const auto index = static_cast<Index>(cell);
        access_.count_emission(static_cast<Index>(nearest(map_.centre(index))), index);
    }
    access_.update();
}

std::vector<double> MobilityModel::snapshot() const {
    std::vector<double> numbers{kSnapshot + (settings_.second_order ? kSecondOrder : 0),
                                static_cast<double>(map_.cells()), static_cast<double>(points_.size())};
    map_.save(numbers);
    for (const AccessPoint& each : points_) {
        numbers.insert(numbers.end(), {each.place.east, each.place.north});
    }
    places_.save(numbers);
    access_.save(numbers);
    return numbers;
}

bool MobilityModel::load(NumberReader& numbers) {
    if (!numbers.expect(kSnapshot + (settings_.second_order ? kSecondOrder : 0)) ||
        !numbers.expect(static_cast<double>(map_.cells())) || !numbers.expect(static_cast<double>(points_.size())) ||
        !map_.load(numbers)) {
        return false;
    }
    for (AccessPoint& each : points_) {
        const auto east = numbers.next();
        const auto north = numbers.next();
        if (!east || !north) {
            return false;
        }
        each.place = {*east, *north};
    }
    return places_.load(numbers) && access_.load(numbers) && numbers.at_end();
}

bool MobilityModel::restore(std::span<const double> learned) {
    MobilityModel other{*this};
    NumberReader numbers{learned};
    if (!other.load(numbers)) {
        return false;
    }
    other.restart();
    *this = std::move(other);
    return true;
}

bool MobilityModel::predict(Index now, Heading heading, std::span<Index> cells) {
    symbols_[0] = symbol_of(now, heading);
    for (std::size_t k = 0; k < cells.size() && k < symbols_.size(); ++k) {
        const std::span<Index> path{decoded_.data(), k + 1};
        if (!places_.decode({symbols_.data(), k + 1}, path)) {
            return false;
        }
        const auto cell = static_cast<Index>(path.back() % map_.cells());
        cells[k] = cell;
        if (k + 1 < symbols_.size()) {  // the prediction stands in for the next observation
            symbols_[k + 1] = symbol_of(cell, heading_of(path.back()));
        }
    }
    return true;
}

std::optional<std::size_t> MobilityModel::target(std::span<const Index> cells, std::span<const bool> allowed) {
    if (cells.empty() || cells.size() > decoded_.size()) {
        return std::nullopt;
    }
    const std::span<Index> path{decoded_.data(), cells.size()};
    return access_.decode(cells, path, allowed) ? std::optional<std::size_t>{path.back()} : std::nullopt;
}

}  // namespace homeward::selection
