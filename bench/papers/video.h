#pragma once

#include <functional>
#include <vector>

#include "testbed.h"

namespace homeward::papers {

/// 30 pictures a second of one rate, each in as many packets as it needs; a picture that is not whole when it is due is
/// lost. Nothing is sent twice.
class Video {
  public:
    struct Settings {
        double mbps = 2;          // 720p
        Seconds playout_s = 0.5;  // from sending to showing
        double pictures_hz = 30;
    };
    struct Result {
        int pictures = 0, lost_pictures = 0;
        int packets = 0, lost_packets = 0, reordered = 0;
        Seconds longest_gap_s = 0;
    };

    Video(Agenda& agenda, std::function<Path*()> route, const Settings& settings)
        : agenda_(agenda), route_(std::move(route)), settings_(settings) {}

    /// Until then.
    void play(Seconds until);
    /// When all that was sent is due.
    Result result() const;

  private:
    struct Picture {
        int missing;
        Seconds due;
        bool whole = false;
    };

    void show_next();
    void arrive(std::size_t picture, int packet);

    Agenda& agenda_;
    std::function<Path*()> route_;
    Settings settings_;
    Seconds until_ = 0;
    std::vector<Picture> pictures_;
    Result sums_;
    int newest_ = -1;
    int arrived_ = 0;
    Seconds last_ = 0;
};

}  // namespace homeward::papers
