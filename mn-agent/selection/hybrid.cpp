#include "selection/hybrid.h"

#include <algorithm>
#include <cmath>

#include "selection/candidates.h"

namespace homeward::selection {

void TrackFilter::fix(const Point& measured, Seconds now) {
    const Seconds span = now - at_;
    if (!started_ || span <= 0 || span > settings_.gap_s) {
        place_ = measured;
        velocity_ = {};
        moving_ = false;
    } else if (!moving_) {  // the second fix gives the first velocity
        velocity_ = {(measured.east - place_.east) / span, (measured.north - place_.north) / span};
        place_ = measured;
        moving_ = true;
    } else {
        const Point expected = at(now);
        const Point off{measured.east - expected.east, measured.north - expected.north};
        place_ = {expected.east + settings_.alpha * off.east, expected.north + settings_.alpha * off.north};
        velocity_.east += settings_.beta * off.east / span;
        velocity_.north += settings_.beta * off.north / span;
    }
    at_ = now;
    started_ = true;
}

Point TrackFilter::at(Seconds when) const {
    const Seconds ahead = when - at_;
    return {place_.east + velocity_.east * ahead, place_.north + velocity_.north * ahead};
}

double TrackFilter::speed_mps() const {
    return std::hypot(velocity_.east, velocity_.north);
}

/// The track outlives the longest pause that the engine asks for.
TrackFilter::Settings Hybrid::with_gap(const Settings& settings) {
    TrackFilter::Settings track = settings.track;
    track.gap_s += settings.fix_most_s;
    return track;
}

Hybrid::Hybrid(const Settings& settings)
    : settings_(settings), plane_(settings.site.latitude, settings.site.longitude), track_(with_gap(settings)) {
    for (std::size_t i = 0; i < goodput_.size(); ++i) {
        const double rssi = -120 + static_cast<double>(i) / 4;
        double sum = 0;
        double weights = 0;
        for (int k = -8; k <= 8; ++k) {  // ±2 standard deviations
            const double weight = std::exp(-k * k / 32.0);
            const double snr = settings.rates.snr_db(rssi + k * settings.uncertainty_db / 4);
            sum += weight * settings.rates.goodput_mbps(snr);
            weights += weight;
        }
        goodput_[i] = sum / weights;
    }
}

double Hybrid::smooth_goodput(double rssi_dbm) const {
    const double place = std::clamp((rssi_dbm + 120) * 4, 0.0, static_cast<double>(goodput_.size() - 1));
    return goodput_[static_cast<std::size_t>(place)];
}

const AccessPoint* Hybrid::find(LinkKey key) const {
    const auto& points = settings_.site.points;
    const auto found =
        std::find_if(points.begin(), points.end(), [&](const AccessPoint& each) { return each.key == key; });
    return found == points.end() ? nullptr : &*found;
}

void Hybrid::observe(const Scene& scene) {
    if (scene.now > sampled_) {
        sampled_ = scene.now;
        for (const Link& link : scene.links) {
            Smoothed& level = levels_.at(link.key, scene.now);
            if (link.up && link.rssi_dbm) {
                level.add(*link.rssi_dbm, settings_.gain);
            } else {
                level.reset();
            }
        }
    }
    if (scene.position && scene.position->at > measured_) {
        measured_ = scene.position->at;
        if (scene.position->accuracy_m <= settings_.accuracy_m && measured_ >= next_fix_ - 1e-9) {
            take_fix(*scene.position);
        }
    }
}

void Hybrid::take_fix(const Position& position) {
    const Point measured = plane_.point(position);
    const bool expected =
        track_.fresh(position.at) && distance(track_.at(position.at), measured) <= settings_.fix_error_m;
    track_.fix(measured, position.at);
    pause_ = settings_.fix_most_s <= 0 ? 0
             : expected                ? std::min(settings_.fix_most_s, std::max(2 * pause_, settings_.fix_least_s))
                                       : settings_.fix_least_s;
    next_fix_ = position.at + pause_;
}

Known Hybrid::expected_mb(const Scene& scene, const Link& link) const {
    const Smoothed* level = levels_.find(link.key);
    if (level == nullptr || !level->started()) {
        return std::nullopt;
    }
    const AccessPoint* point = find(link.key);
    if (point == nullptr || !track_.fresh(scene.now)) {
        return smooth_goodput(level->value()) * settings_.horizon_s;
    }
    const double here = settings_.path_loss.rssi_dbm(distance(track_.at(scene.now), point->place));
    const double shadow = level->value() - here;
    const double fade_per_s = track_.speed_mps() / settings_.shadow_m;
    double sum = 0;
    const int steps = std::max(1, static_cast<int>(settings_.horizon_s));
    for (int s = 0; s < steps; ++s) {
        const Seconds ahead = (s + 0.5) * settings_.horizon_s / steps;
        const double mean = settings_.path_loss.rssi_dbm(distance(track_.at(scene.now + ahead), point->place));
        sum += smooth_goodput(mean + shadow * std::exp(-ahead * fade_per_s));
    }
    return sum * settings_.horizon_s / steps;
}

Decision Hybrid::decide(const Scene& scene, Trigger /*trigger*/, const Deadline& /*deadline*/) {
    const Link* best = best_link(scene, [&](const Link& link) { return expected_mb(scene, link); });
    const Link* serving = scene.alive();
    if (serving == nullptr) {
        best = best == nullptr ? any_link(scene) : best;
        return best == nullptr ? hold(scene, Reason::no_candidate) : go(scene, best->key, Reason::dead);
    }
    if (best == nullptr || best == serving) {
        return hold(scene);
    }
    const Known stay = expected_mb(scene, *serving);
    if (!stay) {
        return hold(scene);  // unknown is not zero
    }
    const double carried = std::max(0.0, 1 - settings_.dead_s / settings_.horizon_s);
    const bool wins = *expected_mb(scene, *best) * carried > *stay * (1 + settings_.margin);
    return wins ? go(scene, best->key, Reason::predicted) : hold(scene);
}

}  // namespace homeward::selection
