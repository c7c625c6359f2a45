#include "playback.h"

#include <algorithm>
#include <cmath>

namespace harness::link {

using homeward::trace::Link;

namespace {

nanoseconds from_seconds(double seconds) {
    return nanoseconds{std::llround(seconds * 1e9)};
}

/// The row that says what the interface is like: that of the access point it is connected to, else the first.
const Link& speaking_row(const std::vector<const Link*>& links) {
    const auto connected = std::find_if(links.begin(), links.end(), [](const Link* l) { return l->connected == true; });
    return connected == links.end() ? *links.front() : **connected;
}

}  // namespace

Playback::Change Playback::change_at(nanoseconds time, const std::vector<const Link*>& links) {
    const Link& link = speaking_row(links);
    Change change{.time = time, .loss = link.loss};
    if (link.rtt_ms) {
        change.delay = from_seconds(*link.rtt_ms / 2000);
    }
    if (link.rate_mbps && *link.rate_mbps > 0) {
        change.rate_bps = *link.rate_mbps * 1e6;
    }
    if (link.connected || link.rate_mbps) {
        change.blackhole = link.connected == false || link.rate_mbps == 0;
    }
    return change;
}

Playback::Playback(const std::filesystem::path& file, const std::string& interface, nanoseconds start) {
    const auto trace = homeward::trace::load_links(file);
    if (!trace) {
        throw BadConditions{trace.error().text};
    }
    const double first = trace->moments.front().t_s;
    for (const auto& moment : trace->moments) {
        std::vector<const Link*> links;
        for (const Link& link : moment.links) {
            if (link.interface == interface) {
                links.push_back(&link);
            }
        }
        if (!links.empty()) {
            changes_.push_back(change_at(start + from_seconds(moment.t_s - first), links));
        }
    }
    if (changes_.empty()) {
        throw BadConditions{file.string() + ": no row of interface " + interface};
    }
}

nanoseconds Playback::next() const noexcept {
    return position_ < changes_.size() ? changes_[position_].time : nanoseconds::max();
}

Conditions Playback::apply(Conditions conditions) const noexcept {
    const Change& change = changes_[position_];
    conditions.rate_bps = change.rate_bps.value_or(conditions.rate_bps);
    conditions.loss = change.loss.value_or(conditions.loss);
    conditions.delay = change.delay.value_or(conditions.delay);
    conditions.blackhole = change.blackhole.value_or(conditions.blackhole);
    return conditions;
}

}  // namespace harness::link
