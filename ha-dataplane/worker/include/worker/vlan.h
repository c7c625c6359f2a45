#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <span>

#include "tables/shared.h"

namespace homeward::worker {

/// Where a port lies. The pipeline, the tables and the twins know ports; a device is what queues belong to. Mostly one
/// is the other; a device may also have several ports, each a VLAN of it (IEEE 802.1Q).
struct Place {
    std::uint16_t device = 0;     ///< DPDK port id
    std::uint16_t vlan = 0;       ///< 1–4094; 0: untagged
    bool insert_offload = false;  ///< the device writes tags on transmission
};

/// The ports of one device, by VLAN. Workers take the tag off before the pipeline sees a frame, so that its stages
/// know nothing of VLANs, and an untagged device costs nothing.
class VlanPorts {
  public:
    /// `places`: by port id, of all devices.
    VlanPorts(std::uint16_t device, std::span<const Place> places);

    /// No VLANs: every frame is `untagged()`'s, as it is.
    bool plain() const noexcept { return count_ == 0; }
    /// Gets untagged frames, priority-tagged ones (VLAN 0), and tagged as they are those of VLANs that no port is for.
    /// tables::kNoPort: nobody does.
    std::uint16_t untagged() const noexcept { return untagged_; }

    /// The port a received frame is for, tables::kNoPort when it is for none. The tag is gone afterwards, by the device
    /// or here, unless `untagged()` gets it as it is.
    std::uint16_t sort(rte_mbuf& frame) const noexcept;

  private:
    struct Entry {
        std::uint16_t vlan = 0, port = tables::kNoPort;
    };

    std::uint16_t port_of(std::uint16_t vlan) const noexcept;

    std::array<Entry, tables::kMaxPorts> entries_;
    unsigned count_ = 0;
    std::uint16_t untagged_ = tables::kNoPort;
};

/// Puts a tag into a frame that is to be sent, or has the device do it. False: no room in front of the frame.
bool tag(rte_mbuf& frame, const Place& place) noexcept;

}  // namespace homeward::worker
