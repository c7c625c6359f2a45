#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "tables/binding.h"

namespace homeward::pipeline {

/// What one worker sent to numbered nodes in the last moments: when an uplink turns out dead, it is sent again by
/// another, and the node drops what it has already by the numbers.
///
/// Bounded three ways: by time; by kPerNode packets of a node (and of the few that share its place); by kMost of all.
/// At a bound the oldest goes. Payloads are shared with the packets that were sent (rte_pktmbuf_clone), not copied.
/// One thread; nothing is allocated after construction.
class Resend {
  public:
    static constexpr unsigned kMost = 2048, kPerNode = 512;
    /// mbufs that may be held: what was sent, and its clone.
    static constexpr unsigned kBuffers = 2 * kMost;

    struct Sent {
        rte_mbuf* payload = nullptr;  ///< from the inner IPv4 header on; null: sent again meanwhile
        const tables::Binding* binding = nullptr;
        tables::UplinkWord uplink;  ///< that it left by
        std::uint16_t number = 0;
        std::uint64_t at = 0;  ///< TSC cycles
    };

    /// `lifetime`: TSC cycles.
    explicit Resend(std::uint64_t lifetime) noexcept;
    ~Resend();
    Resend(const Resend&) = delete;
    Resend& operator=(const Resend&) = delete;

    /// Takes the payload. `node`: index of tables::Numberings.
    void keep(std::uint32_t node, const Sent& sent) noexcept;
    void expire(std::uint64_t now) noexcept;
    bool empty() const noexcept { return oldest_ == kNone; }

    /// Calls `again` with each that is held, oldest first; it may take the payload.
    template <class Again>
    void for_each(Again again) {
        for (std::uint16_t place = oldest_; place != kNone; place = entries_[place].newer) {
            if (entries_[place].sent.payload != nullptr) {
                again(entries_[place].sent);
            }
        }
    }

  private:
    static constexpr std::uint16_t kNone = 0xffff;
    static constexpr unsigned kLists = 256;
    struct Entry {
        Sent sent;
        std::uint16_t older = kNone, newer = kNone;  ///< of all
        std::uint16_t next = kNone;                  ///< of its list: the next newer one; or the next free one
        std::uint16_t list = 0;
    };
    struct List {
        std::uint16_t first = kNone, last = kNone;
        std::uint16_t count = 0;
    };

    void forget(std::uint16_t place) noexcept;

    std::uint64_t lifetime_;
    std::array<Entry, kMost> entries_;
    std::array<List, kLists> lists_{};
    std::uint16_t oldest_ = kNone, newest_ = kNone, free_ = 0;
};

}  // namespace homeward::pipeline
