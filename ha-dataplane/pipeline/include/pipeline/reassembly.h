#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "pipeline/datagram.h"

namespace homeward::pipeline {

/// One worker's fragmented datagrams, bounded in number, memory and time.
///
/// Theory of operation. A datagram's place is one of the kWays of its bucket, which its source address and a secret
/// choose: what one source sends can crowd out its own datagrams and those of the few sources beside it, but nobody
/// can aim. A datagram proves itself with its first fragment, which must come from a node's uplink. Until then it is
/// *unknown*: unknown ones get a quarter of the buffers, and never take a place or a buffer from one that is ours.
/// Where there is none left, the oldest goes: fragments of one datagram come together, so the oldest is the least
/// likely to be completed, and a flood shortens the time there is but does not lock anybody out.
///
/// Each state has a queue in the order of entry, so that the oldest and what is overdue is found at its head.
class Reassembly {
  public:
    using State = Datagram::State;

    struct Bounds {
        unsigned datagrams = 1024;  ///< rounded up to a power of two of at least kWays
        unsigned buffers = 896;     ///< mbufs held; 2 MB of the usual size
        unsigned timeout_ms = 1000;
    };
    static constexpr unsigned kWays = 16;

    Reassembly(const Bounds& bounds, std::uint64_t tsc_hz);

    bool empty() const noexcept { return used_ == 0; }
    /// Null when nothing is known about it.
    Datagram* find(std::uint32_t source, std::uint16_t id) noexcept;
    /// What one more datagram of this source finds.
    struct Place {
        bool free = false;
        Datagram* taken_by = nullptr;  ///< none free: by this one, which is to go; null: by none that may be sent away
    };
    Place place(std::uint32_t source, State state) noexcept;
    /// A new one, without pieces. There is a free place.
    Datagram& open(std::uint32_t source, std::uint16_t id, const Datagram::Verdict& verdict,
                   std::uint64_t now) noexcept;
    /// Its time begins anew.
    void move(Datagram& datagram, const Datagram::Verdict& verdict, std::uint64_t now) noexcept;
    /// The datagram got or lost mbufs.
    void count_buffers(Datagram& datagram, int change) noexcept;
    /// Its pieces are gone.
    void close(Datagram& datagram) noexcept;

    bool has_room(State state, unsigned buffers) const noexcept;
    /// Null when there is none.
    Datagram* oldest(State state) noexcept;
    /// One whose time is over, or null.
    Datagram* overdue(std::uint64_t now) noexcept;

  private:
    static constexpr std::uint32_t kNone = 0xffffffff;
    static constexpr std::uint64_t kFree = 0;
    struct Queue {
        std::uint32_t oldest = kNone, newest = kNone;
        unsigned buffers = 0;
    };

    static std::uint64_t key(std::uint32_t source, std::uint16_t id) noexcept {
        return std::uint64_t{1} << 63 | std::uint64_t{source} << 16 | id;
    }
    std::uint32_t bucket(std::uint32_t source) const noexcept;
    std::uint32_t index(const Datagram& datagram) const noexcept {
        return static_cast<std::uint32_t>(&datagram - datagrams_.data());
    }
    Queue& queue(State state) noexcept { return queues_[static_cast<std::size_t>(state)]; }
    const Queue& queue(State state) const noexcept { return queues_[static_cast<std::size_t>(state)]; }
    void append(Datagram& datagram) noexcept;
    void unlink(Datagram& datagram) noexcept;

    std::uint64_t secret_;
    std::uint32_t buckets_;  ///< a power of two
    unsigned max_buffers_;
    std::uint64_t lifetime_;  ///< TSC cycles
    unsigned used_ = 0;
    std::array<Queue, 4> queues_;      ///< by state
    std::vector<std::uint64_t> keys_;  ///< by place: one look at a bucket's keys finds a datagram
    std::vector<Datagram> datagrams_;
};

}  // namespace homeward::pipeline
