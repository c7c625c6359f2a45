#include "selection/pmp.h"

#include <algorithm>
#include <cmath>

namespace homeward::selection {

Pmp::Pmp(const Settings& settings)
    : settings_(settings),
      plane_(settings.site.latitude, settings.site.longitude),
      model_(settings.model, settings.site.path, settings.site.points),
      by_signal_(settings.without_position),
      heading_(model_.sense()) {}

void Pmp::push(Hmm::Index cell) {
    const std::size_t window = std::min(settings_.model.window, kMaxWindow);
    while (recent_.size() >= std::max<std::size_t>(window, 1)) {
        recent_.erase(recent_.begin());
    }
    recent_.push_back(cell);
}

void Pmp::look_ahead(Hmm::Index cell) {
    ahead_.resize(std::clamp<std::size_t>(settings_.lookahead, 1, 10));
    if (!model_.predict(cell, heading_.heading(), {ahead_.begin(), ahead_.size()})) {
        ahead_.clear();
    }
}

void Pmp::take_fix(const Point& fix, Seconds now) {
    const Seconds period = settings_.period_s * static_cast<double>(settings_.lookahead + 1);
    if (now - fixed_ > 2 * period) {
        recent_.clear();
        heading_.reset();
        model_.restart();
    }
    fixed_ = now;
    next_ = now + period;
    coasted_ = 0;
    located_ = true;
    off_path_.reset();
    const auto cell = model_.map().cell_of(fix);
    if (!cell) {
        off_path_ = fix;
        recent_.clear();
        ahead_.clear();
        return;
    }
    for (std::size_t k = 0; k + 1 < ahead_.size() && !recent_.empty(); ++k) {
        push(ahead_[k]);  // the periods between two fixes
    }
    push(*cell);
    heading_.see(*cell);
    look_ahead(*cell);
}

/// Where a fix is missing the prediction is taken for it, a few times.
void Pmp::coast(Seconds now) {
    while (located_ && now >= next_ + settings_.period_s / 2) {
        next_ += settings_.period_s;
        if (coasted_ >= settings_.coast_steps || ahead_.empty()) {
            located_ = false;
            return;
        }
        ++coasted_;
        push(ahead_.back());
        look_ahead(ahead_.back());
    }
}

void Pmp::observe(const Scene& scene) {
    const bool fresh = scene.position && scene.position->at > measured_;
    if (fresh) {
        measured_ = scene.position->at;
    }
    if (fresh && scene.position->accuracy_m <= settings_.accuracy_m && scene.now >= next_ - 1e-9) {
        const Point fix = plane_.point(*scene.position);
        take_fix(fix, scene.now);
        if (settings_.learn_online) {
            model_.learn(fix);
        }
    }
    coast(scene.now);
}

/// The access point ahead of where the node is by now; where it is not in sight, the best of those that are.
std::optional<std::size_t> Pmp::target_in(const Scene& scene) {
    const auto in_sight = [&](std::size_t point) {
        const Link* link = scene.find(model_.points()[point].key);
        return link != nullptr && link->up;
    };
    std::array<bool, kMaxLinks> allowed{};
    const std::size_t points = std::min(model_.points().size(), allowed.size());
    for (std::size_t i = 0; i < points; ++i) {
        allowed[i] = in_sight(i);
    }
    if (off_path_) {
        const std::size_t nearest = model_.nearest(*off_path_);
        return in_sight(nearest) ? std::optional{nearest} : std::nullopt;
    }
    const auto steps = static_cast<std::size_t>(std::max(0.0, (scene.now - fixed_) / settings_.period_s));
    const std::size_t ahead = std::min(steps + 1, ahead_.size());
    std::array<Hmm::Index, Hmm::kMaxLength> cells{};
    std::copy(recent_.begin(), recent_.end(), cells.begin());
    std::copy(ahead_.begin(), ahead_.begin() + ahead, cells.begin() + recent_.size());
    const std::span<const Hmm::Index> window{cells.data(), recent_.size() + ahead};
    const auto target = model_.target(window);
    return target && !in_sight(*target) ? model_.target(window, {allowed.data(), points}) : target;
}

Decision Pmp::decide(const Scene& scene, Trigger trigger, const Deadline& deadline) {
    const auto target = located_ ? target_in(scene) : std::nullopt;
    if (!target) {
        return by_signal_.decide(scene, trigger, deadline);
    }
    const Link* link = scene.find(model_.points()[*target].key);
    const bool weak = link->rssi_dbm && *link->rssi_dbm < settings_.join_dbm;
    if (scene.alive() == nullptr) {
        return weak ? by_signal_.decide(scene, trigger, deadline) : go(scene, link->key, Reason::dead);
    }
    if (weak) {
        return hold(scene);
    }
    return go(scene, link->key, coasted_ > 0 ? Reason::coasting : Reason::predicted);
}

}  // namespace homeward::selection
