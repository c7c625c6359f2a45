#pragma once

#include <algorithm>
#include <cstdint>

#include "selection/hmm.h"

namespace homeward::selection {

/// Which way along a path: cells count up, or down.
enum class Heading : std::uint8_t { unknown, forward, backward };

/// Tells the heading from the cells that noisy fixes lie in. One turns when one is `turn_cells` back from the farthest
/// cell reached, so that noise of less is no turn, however often fixes come.
class HeadingSense {
  public:
    /// `turn_cells`: 1 or more.
    explicit HeadingSense(int turn_cells) : turn_cells_(turn_cells) {}

    Heading see(Hmm::Index cell) {
        const int now = cell;
        low_ = started_ ? std::min(low_, now) : now;
        high_ = started_ ? std::max(high_, now) : now;
        started_ = true;
        if (heading_ != Heading::backward && high_ - now >= turn_cells_) {
            heading_ = Heading::backward;
            low_ = high_ = now;
        } else if (heading_ != Heading::forward && now - low_ >= turn_cells_) {
            heading_ = Heading::forward;
            low_ = high_ = now;
        }
        return heading_;
    }
    Heading heading() const { return heading_; }
    void reset() { *this = HeadingSense{turn_cells_}; }

  private:
    int turn_cells_;
    int low_ = 0;   // since the last turn
    int high_ = 0;  // since the last turn
    bool started_ = false;
    Heading heading_ = Heading::unknown;
};

}  // namespace homeward::selection
