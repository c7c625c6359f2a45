#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "numbering/seen.h"
#include "policy/rule.h"
#include "tunnel/packet.h"

namespace homeward::tunnel {

/// Keeps the packets of a flow in order when the home agent moves it to an uplink with a shorter path: those that come
/// by the new one wait for the last that is still on its way by the old one.
///
///     numbers   … 41 42 43 │ 44 45 46 …       the home agent moves the flow between 43 and 44
///     old path  ─────── 41 ─── 42 ─── 43 ──►  44 waits until 43 came,
///     new path  ────────────────── 44 ─ 45 ─► or for the difference of the paths' round trips
///
/// What is on its way is known by the numbers that all packets of the node have: a path keeps its packets in order, so
/// a number that did not come, between the last of the old path and the first of the new one, is under way there, or
/// lost. Nothing waits when the new path is the longer one, and nothing of a flow that did not move. Flows that come by
/// two paths at once (policy::Mode::redundant) are not offered: their first copies change paths with every loss.
///
/// One thread. Nothing is allocated after construction. Times are microseconds on a clock that only grows.
class HoldQueue {
  public:
    using Time = std::uint64_t;
    /// Round trips by slot, microseconds; 0: not known. Written by another thread.
    using RoundTrips = std::array<std::atomic<std::uint32_t>, policy::kMaxUplinks>;

    static constexpr std::size_t kMost = 4096;     ///< packets
    static constexpr std::size_t kLargest = 2048;  ///< bytes of a packet that can wait
    static constexpr Time kLongest = 250'000;

    /// `seen` notes each packet before it is offered.
    HoldQueue(const numbering::Seen& seen, const RoundTrips& round_trips);

    /// Notes how far the path of `slot` is: a packet came by it that `take` is not asked about, a copy, say.
    void advance(std::uint8_t slot, std::uint16_t number, Time now) noexcept;
    /// Whether a packet that came by `slot` has to wait: a copy of it does then. Else it goes on.
    bool take(Packet packet, std::uint8_t slot, std::uint16_t number, Time now) noexcept;
    /// The next packet whose wait is over; empty: none. It stays as it is until `take`.
    Packet release(Time now) noexcept;
    /// When `release` gives something although nothing came.
    std::optional<Time> deadline() const noexcept;
    bool empty() const noexcept { return head_ == tail_; }

  private:
    static constexpr std::size_t kFlows = 1024;
    static constexpr Time kEpoch = 256'000;

    struct Flow {
        std::uint64_t key = 0;
        std::uint32_t held = 0;
        std::uint8_t slot = 0;  ///< by which it came last
        std::uint8_t next = 0;  ///< while something is held: by which it comes now
        Time deadline = 0;      ///< of all that is held
    };
    struct Held {
        std::uint16_t number = 0;
        std::uint16_t size = 0;
        std::uint16_t flow = 0;
    };

    static std::uint64_t key_of(Packet packet) noexcept;
    Time patience(std::uint8_t from, std::uint8_t to) const noexcept;
    bool under_way(std::uint8_t slot, std::uint16_t before, Time now) const noexcept;
    bool push(Flow& flow, Packet packet, std::uint16_t number) noexcept;

    const numbering::Seen& seen_;
    const RoundTrips& round_trips_;
    std::array<std::optional<std::uint16_t>, policy::kMaxUplinks> newest_{};  ///< number, by slot
    // Numbers up to `settled_` are not waited for: they were behind the newest an epoch ago.
    std::uint16_t newest_of_all_ = 0, settling_ = 0, settled_ = 0;
    Time epoch_ = 0;
    std::array<Flow, kFlows> flows_{};
    std::unique_ptr<std::array<Held, kMost>> held_;
    std::unique_ptr<std::uint8_t[]> storage_;
    std::size_t head_ = 0, tail_ = 0;  ///< counts; places modulo kMost
};

}  // namespace homeward::tunnel
