#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "testbed.h"

namespace homeward::papers {

/// A file that never ends over TCP, from a server behind the home agent: a window that grows by Reno's rules, losses
/// told by selective acknowledgements (three later packets arrived) or by silence. `route` names the path of each
/// packet.
class Download {
  public:
    Download(Agenda& agenda, std::function<Path&()> route) : agenda_(agenda), route_(std::move(route)) {}

    void start();
    /// The longest time without a packet from now on.
    void watch_gaps();
    Seconds longest_gap_s() const;

  private:
    static constexpr int kBytes = 1500;
    enum class State : std::uint8_t { flying, arrived, lost };

    void fill();
    void transmit();
    void acknowledged(std::uint64_t number, Seconds sent);
    void lose(std::uint64_t number);
    void arm();
    void timed_out();

    Agenda& agenda_;
    std::function<Path&()> route_;
    double window_ = 10, threshold_ = 1e9;
    std::deque<State> packets_;    // from `first_` on
    std::uint64_t first_ = 0;      // all before have arrived or are lost
    std::uint64_t recovered_ = 0;  // a loss before this one says nothing new
    int flying_ = 0;
    Seconds smooth_rtt_ = 0.2, timeout_ = 1;
    std::uint64_t timer_ = 0;
    Seconds last_ = 0, longest_gap_ = 0;
};

}  // namespace homeward::papers
