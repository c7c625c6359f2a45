#include "choice/flow_watch.h"

#include <algorithm>
#include <utility>

namespace homeward::choice {

FlowWatch::FlowWatch(const Settings& settings) : settings_(settings) {
    settings_.most = std::clamp<std::size_t>(settings_.most, 1, selection::kMaxFlows);
    tracked_.reserve(kTracked);
    next_.reserve(kTracked);
    gone_.reserve(kTracked);
    eligible_.reserve(kTracked);
    chosen_.reserve(settings_.most);
}

FlowWatch::Tracked FlowWatch::begin(const FlowCount& count, selection::Seconds now) {
    Tracked tracked;
    tracked.flow.id = ++ids_;
    tracked.flow.end = count.end;
    tracked.bytes = tracked.last = count.bytes;  // nobody knows since when
    tracked.window = tracked.half = tracked.active = now;
    return tracked;
}

void FlowWatch::close_window(Tracked& tracked, selection::Seconds now) const {
    const double length = now - tracked.window;
    const std::uint64_t carried = tracked.last - tracked.bytes;
    const bool open = carried > 0;
    (open ? tracked.on_sum : tracked.off_sum) += length;
    if (open != tracked.flow.open || !tracked.known) {
        ++(open ? tracked.ons : tracked.offs);
    }
    const double mbps = static_cast<double>(carried) * 8e-6 / length;
    tracked.best[0] = std::max(tracked.best[0], mbps);
    const double shortest = settings_.window_s / 2;
    tracked.flow.on_s = tracked.ons == 0 ? shortest : tracked.on_sum / tracked.ons;
    tracked.flow.off_s = tracked.offs == 0 ? shortest : tracked.off_sum / tracked.offs;
    tracked.flow.open = open;
    tracked.known = true;
    tracked.bytes = tracked.last;
    tracked.window = now;
}

void FlowWatch::update(Tracked& tracked, std::uint64_t bytes, selection::Seconds now) const {
    if (bytes < tracked.last) {  // the kernel forgot the flow and met it again
        tracked.bytes = 0;
        tracked.last = 0;
    }
    if (bytes != std::exchange(tracked.last, bytes)) {
        tracked.active = now;
    }
    if (now - tracked.window >= settings_.window_s) {
        close_window(tracked, now);
    }
    if (now - tracked.half >= settings_.memory_s / 2) {
        tracked.best = {0, tracked.best[0]};
        tracked.half = now;
    }
    tracked.flow.demand_mbps = std::max(tracked.best[0], tracked.best[1]);
}

void FlowWatch::sample(selection::Seconds now, std::span<FlowCount> counts) {
    std::sort(counts.begin(), counts.end(), [](const FlowCount& a, const FlowCount& b) { return a.end < b.end; });
    next_.clear();
    gone_.clear();
    std::size_t room = kTracked - tracked_.size();
    auto old = tracked_.begin();
    const auto keep = [&](Tracked& tracked, std::uint64_t bytes) {
        update(tracked, bytes, now);
        if (now - tracked.active < settings_.memory_s) {
            next_.push_back(tracked);
        } else {
            gone_.push_back(tracked.flow.end);
        }
    };
    for (const FlowCount& count : counts) {
        for (; old != tracked_.end() && old->flow.end < count.end; ++old) {
            keep(*old, old->last);
        }
        if (old != tracked_.end() && old->flow.end == count.end) {
            keep(*old++, count.bytes);
        } else if (room > 0) {
            --room;
            next_.push_back(begin(count, now));
        }
    }
    for (; old != tracked_.end(); ++old) {
        keep(*old, old->last);
    }
    tracked_.swap(next_);
}

std::span<const WatchedFlow> FlowWatch::choose() {
    const auto heavier = [&](std::uint32_t a, std::uint32_t b) {
        const double left = weight(tracked_[a]);
        const double right = weight(tracked_[b]);
        return left != right ? left > right : a < b;
    };
    const std::size_t count = std::min(eligible_.size(), settings_.most);
    std::partial_sort(eligible_.begin(), eligible_.begin() + static_cast<std::ptrdiff_t>(count), eligible_.end(),
                      heavier);
    for (Tracked& tracked : tracked_) {
        tracked.chosen = false;
    }
    chosen_.clear();
    for (std::size_t i = 0; i < count; ++i) {
        tracked_[eligible_[i]].chosen = true;
        chosen_.push_back(tracked_[eligible_[i]].flow);
    }
    return chosen_;
}

}  // namespace homeward::choice
