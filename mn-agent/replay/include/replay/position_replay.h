#pragma once

#include <filesystem>
#include <optional>

#include "result/result.h"
#include "selection/observation.h"
#include "trace/links.h"

namespace homeward::replay {

/// Where the node is and how full its battery is, as a trace tells: from its first moment at the first question, each
/// fix once.
class PositionReplay {
  public:
    /// The error names file and line.
    static Result<PositionReplay> open(const std::filesystem::path& file);

    /// The newest fix that was not given yet.
    std::optional<selection::Position> fix(selection::Seconds now);
    std::optional<selection::Device> device() const { return device_; }

  private:
    explicit PositionReplay(trace::Trace trace) : trace_(std::move(trace)) {}

    trace::Trace trace_;
    std::optional<selection::Seconds> started_;
    std::size_t next_ = 0;
    std::optional<selection::Device> device_;
};

}  // namespace homeward::replay
