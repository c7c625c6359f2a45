#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <cstring>

#include "pipeline/headers.h"
#include "pipeline/packet.h"
#include "pipeline/quad.h"

namespace homeward::pipeline {

/// What the descriptors of a burst's frames mostly have in common, as its first frame has it: one segment, room for a
/// tunnel's headers in front, whose buffer it is, and that the device found nothing wrong. Two comparisons tell it of
/// another; what else there may be in a descriptor costs more to look at.
class UsualDescriptor {
  public:
    UsualDescriptor() = default;
    explicit UsualDescriptor(const rte_mbuf& first) noexcept : flags_(first.ol_flags) {
        constexpr std::uint64_t kGood = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
        constexpr std::uint64_t kAnyBad = RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD;
        if (has_place(first) && (flags_ & (kAnyBad | kGood)) == kGood) {
            place_ = place_of(first);
        }
    }

    /// Whether frames that have it may be read as far as headers reach before their lengths are known. Buffers that a
    /// driver lends may end where the frame does.
    bool may_be_read_ahead() const noexcept { return place_ != 0 && lent() == 0; }
    [[gnu::always_inline]] bool is_of(const rte_mbuf& mbuf) const noexcept {
        if (place_of(mbuf) != place_) [[unlikely]] {
            return false;
        }
        return mbuf.ol_flags == flags_;
    }
    /// Not zero where it is not.
    [[gnu::always_inline]] Quad difference(const rte_mbuf& mbuf) const noexcept {
        static_assert(offsetof(rte_mbuf, ol_flags) == offsetof(rte_mbuf, rearm_data) + sizeof place_);
        return load_quad(&mbuf.rearm_data) ^ load_quad(&place_);
    }
    /// Whether the device found the transport's checksum right.
    bool transport_holds() const noexcept {
        return (flags_ & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    }
    /// What `difference` reads, of a frame whose data begins `further` bytes behind and that has these flags.
    [[gnu::always_inline]] Quad moved(int further, std::uint64_t flags) const noexcept {
        const QuadPair pair = {place_ + static_cast<std::uint64_t>(further), flags};
        return reinterpret_cast<Quad>(pair);
    }
    [[gnu::always_inline]] static void put(rte_mbuf& mbuf, Quad moved) noexcept { store_quad(&mbuf.rearm_data, moved); }
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

    // In the order of a descriptor.
    alignas(16) std::uint64_t place_ = 0;  ///< 0: no frame has it, for all have a reference
    std::uint64_t flags_ = 0;
};

}  // namespace homeward::pipeline
