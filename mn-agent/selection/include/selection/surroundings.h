#pragma once

#include <array>

#include "selection/observation.h"

namespace homeward::selection {

/// Remembers the last value of every field of every link, and forgets what is too old.
class Surroundings {
  public:
    struct Settings {
        /// Seconds between two observations of a link.
        Seconds period_s = 1;
        /// A value older than this many periods is unknown; a link not reported for that long is gone.
        double stale_periods = 3;
        /// A position older than this is unknown.
        Seconds position_age_s = 15;
    };

    explicit Surroundings(const Settings& settings) : settings_(settings) {}

    /// Takes in what was seen. Values that are not numbers, and times that go back, count as not seen.
    void take(const Observation& seen);
    /// What is known at `now`; valid until the next call.
    const Scene& at(Seconds now);

  private:
    static constexpr std::size_t kFields = 7;
    struct Remembered {
        Link link;
        Seconds seen = 0;
        std::array<Seconds, kFields> field_seen{};
    };

    void take_link(const Link& link, Seconds at);
    Remembered& place_of(LinkKey key, Seconds at);

    Settings settings_;
    Bounded<Remembered, kMaxLinks> links_;
    Scene scene_;
    Seconds last_ = 0;
};

}  // namespace homeward::selection
