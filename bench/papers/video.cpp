#include "video.h"

#include <algorithm>

namespace homeward::papers {

void Video::play(Seconds until) {
    until_ = until;
    last_ = agenda_.now();
    show_next();
}

void Video::show_next() {
    if (agenda_.now() >= until_) {
        return;
    }
    constexpr int kPayload = 1316;  // of a transport stream in UDP
    const int bytes = static_cast<int>(settings_.mbps * 1e6 / 8 / settings_.pictures_hz);
    const int packets = (bytes + kPayload - 1) / kPayload;
    const std::size_t picture = pictures_.size();
    pictures_.push_back({packets, agenda_.now() + settings_.playout_s});
    for (int i = 0; i < packets; ++i) {
        const int packet = sums_.packets++;
        if (Path* path = route_()) {
            path->send(kPayload + 28 + 28, [this, picture, packet] { arrive(picture, packet); });  // tunnel, UDP and IP
        }
    }
    agenda_.after(1 / settings_.pictures_hz, [this] { show_next(); });
}

void Video::arrive(std::size_t number, int packet) {
    ++arrived_;
    sums_.reordered += packet < newest_ ? 1 : 0;
    newest_ = std::max(newest_, packet);
    sums_.longest_gap_s = std::max(sums_.longest_gap_s, agenda_.now() - last_);
    last_ = agenda_.now();
    Picture& picture = pictures_[number];
    if (--picture.missing == 0) {
        picture.whole = agenda_.now() <= picture.due;
    }
}

Video::Result Video::result() const {
    Result result = sums_;
    result.pictures = static_cast<int>(pictures_.size());
    result.lost_packets = sums_.packets - arrived_;
    result.lost_pictures = static_cast<int>(
        std::count_if(pictures_.begin(), pictures_.end(), [](const Picture& each) { return !each.whole; }));
    return result;
}

}  // namespace homeward::papers
