#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <cstring>

#include "pipeline/headers.h"
#include "pipeline/packet.h"

namespace homeward::pipeline {

/// What the descriptors of a burst's frames mostly have in common, as its first frame has it: one segment, room for a
/// tunnel's headers in front, whose buffer it is, and that the device found nothing wrong. Two comparisons tell it of
/// another; what else there may be in a descriptor costs more to look at.
class UsualDescriptor {
  public:
    explicit UsualDescriptor(const rte_mbuf& first) noexcept : flags_(first.ol_flags) {
        constexpr std::uint64_t kGood = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
        constexpr std::uint64_t kAnyBad = RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD;
        if (has_place(first) && (flags_ & (kAnyBad | kGood)) == kGood) {
            place_ = place_of(first);
        }
    }

    [[gnu::always_inline]] bool is_of(const rte_mbuf& mbuf) const noexcept {
        if (place_of(mbuf) != place_) [[unlikely]] {
            return false;
        }
        return mbuf.ol_flags == flags_;
    }
    /// Without the device's word.
    bool is_like(const rte_mbuf& mbuf) const noexcept { return has_place(mbuf) && (mbuf.ol_flags & kLent) == lent(); }
    /// Whose buffer it is: all of its flags that hold for what the packet becomes.
    std::uint64_t lent() const noexcept { return flags_ & kLent; }

  private:
    static bool has_place(const rte_mbuf& mbuf) noexcept {
        return mbuf.nb_segs == 1 && mbuf.data_off >= sizeof(TunnelHeaders);
    }
    /// Offset of the data, references, segments, port.
    [[gnu::always_inline]] static std::uint64_t place_of(const rte_mbuf& mbuf) noexcept {
        std::uint64_t place = 0;
        std::memcpy(&place, &mbuf.rearm_data, sizeof place);
        return place;
    }

    std::uint64_t place_ = 0;  ///< 0: no frame has it, for all have a reference
    std::uint64_t flags_;
};

}  // namespace homeward::pipeline
