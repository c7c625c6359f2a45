#include "replay/position_replay.h"

namespace homeward::replay {

Result<PositionReplay> PositionReplay::open(const std::filesystem::path& file) {
    Result<trace::Trace> trace = trace::load_links(file);
    if (!trace) {
        return trace.error();
    }
    return PositionReplay{std::move(*trace)};
}

std::optional<selection::Position> PositionReplay::fix(selection::Seconds now) {
    started_ = started_.value_or(now);
    const double t = trace_.moments.front().t_s + (now - *started_);
    std::optional<selection::Position> newest;
    for (; next_ < trace_.moments.size() && trace_.moments[next_].t_s <= t; ++next_) {
        const trace::Device& device = trace_.moments[next_].device;
        if (device.battery) {
            device_ = selection::Device{*device.battery, false, true};
        }
        if (device.latitude && device.longitude) {
            newest = selection::Position{*device.latitude, *device.longitude, device.accuracy_m.value_or(0),
                                         device.speed_mps, now};
        }
    }
    return newest;
}

}  // namespace homeward::replay
