#pragma once

#include <cstdint>
#include <utility>

#include "result/result.h"

namespace homeward::bpf {

/// One of our programs at a device's clsact hook. Others' programs may sit there, too (Android's netd puts the qdisc
/// there and takes it away with the link): ours has a priority of its own, and the qdisc is made where there is none
/// and taken away again only when nobody uses it.
class TrafficHook {
  public:
    enum class Direction : std::uint8_t { ingress, egress };
    /// A program that only watches has its turn before the one that carries packets away.
    enum class Turn : std::uint8_t { watches, carries };

    TrafficHook() = default;
    ~TrafficHook() { detach(); }
    TrafficHook(TrafficHook&& other) noexcept { *this = std::move(other); }
    /// Of one at the same place, which has replaced this one's program there: the qdisc stays. To take it away, and to
    /// make it, stops the device for a moment, and what is sent meanwhile is lost.
    TrafficHook& operator=(TrafficHook&& other) noexcept;
    TrafficHook(const TrafficHook&) = delete;
    TrafficHook& operator=(const TrafficHook&) = delete;

    /// Replaces what an earlier run left there. The error is the kernel's reason, in one line.
    static Result<TrafficHook> attach(int interface, Direction direction, int program, Turn turn = Turn::carries);
    /// Whether the kernel still has it.
    bool present() const;
    void detach();

  private:
    int interface_ = 0;
    Direction direction_ = Direction::ingress;
    Turn turn_ = Turn::carries;
    bool made_qdisc_ = false;
};

}  // namespace homeward::bpf
