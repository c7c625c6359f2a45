#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "conditions.h"
#include "trace/links.h"

namespace harness::link {

/// A trace of links (docs/traces.md, format mn-trace v1) as changes of one link's conditions, the same in both
/// directions. Time 0 is the trace's first moment. `connected` 0 on every row of the interface is an outage; half of
/// `rtt_ms` is the delay; `loss` and `rate_mbps` are each direction's, and a rate of 0 is an outage, too. What is
/// unknown stays as it was.
class Playback {
  public:
    Playback() = default;
    /// Throws BadConditions: no such file, a bad trace, no row of `interface` in it.
    Playback(const std::filesystem::path& file, const std::string& interface, nanoseconds start);

    /// When something changes next; nanoseconds::max() after the end.
    nanoseconds next() const noexcept;
    /// The conditions after the next change. There must be one.
    Conditions apply(Conditions conditions) const noexcept;
    void advance() noexcept { ++position_; }

  private:
    struct Change {
        nanoseconds time{};
        std::optional<double> rate_bps, loss;
        std::optional<nanoseconds> delay;
        std::optional<bool> blackhole;
    };
    static Change change_at(nanoseconds time, const std::vector<const homeward::trace::Link*>& links);

    std::vector<Change> changes_;
    std::size_t position_ = 0;
};

}  // namespace harness::link
