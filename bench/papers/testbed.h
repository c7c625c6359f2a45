#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "selection/random.h"

namespace homeward::papers {

using Seconds = double;
using selection::Random;

/// Things that happen at a time, in order; of those at the same time the first that was asked for.
class Agenda {
  public:
    using Action = std::function<void()>;

    Seconds now() const { return now_; }
    void at(Seconds when, Action action);
    void after(Seconds span, Action action) { at(now_ + span, std::move(action)); }
    void run(Seconds until);

  private:
    struct Entry {
        Seconds when;
        std::uint64_t number;
        Action action;
        bool operator<(const Entry& other) const {
            return when != other.when ? when > other.when : number > other.number;
        }
    };

    Seconds now_ = 0;
    std::uint64_t number_ = 0;
    std::priority_queue<Entry> entries_;
};

/// From the home agent to the node over one network: a queue, a rate, a delay. In order, and dropped at the tail.
class Path {
  public:
    struct Settings {
        double mbps;
        Seconds delay_s;
        Seconds queue_s;  // the longest wait that is let in
    };

    Path(Agenda& agenda, const Settings& settings, Random& random)
        : agenda_(agenda), settings_(settings), random_(random) {}

    /// `arrived` runs when the packet does; a packet that is dropped or on its way when the path breaks never does.
    void send(int bytes, Agenda::Action arrived);
    /// A broken path takes nothing and loses what is on it.
    void set_up(bool up);
    bool up() const { return up_; }
    void set_mbps(double mbps) { settings_.mbps = mbps; }
    Seconds delay_s() const { return settings_.delay_s; }
    std::uint64_t delivered_bytes() const { return delivered_; }

  private:
    Agenda& agenda_;
    Settings settings_;
    Random& random_;
    bool up_ = true;
    std::uint64_t broken_ = 0;  // how often
    Seconds busy_until_ = 0;
    std::uint64_t delivered_ = 0;
};

}  // namespace homeward::papers
