#include "worker/vlan.h"

#include <rte_byteorder.h>
#include <rte_ether.h>

#include <cstring>

namespace homeward::worker {
namespace {

constexpr unsigned kAddresses = 2 * RTE_ETHER_ADDR_LEN, kTag = sizeof(rte_vlan_hdr);
constexpr std::uint16_t kVlanMask = 0xfff;

bool has_tag(const rte_mbuf& frame) {
    return frame.data_len >= RTE_ETHER_HDR_LEN + kTag &&
           rte_pktmbuf_mtod(&frame, const rte_ether_hdr*)->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
}

std::uint16_t tag_of(const rte_mbuf& frame) {
    return rte_be_to_cpu_16(rte_pktmbuf_mtod_offset(&frame, const rte_vlan_hdr*, sizeof(rte_ether_hdr))->vlan_tci);
}

void take_tag_off(rte_mbuf& frame) {
    auto* front = rte_pktmbuf_mtod(&frame, std::uint8_t*);
    std::memmove(front + kTag, front, kAddresses);
    rte_pktmbuf_adj(&frame, kTag);
}

/// In front of the frame's type; the header of `rte_vlan_insert`, for frames in buffers of the driver's own, too.
bool put_tag_in(rte_mbuf& frame, std::uint16_t tci) {
    auto* front = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(&frame, kTag));
    if (front == nullptr) {
        return false;
    }
    std::memmove(front, front + kTag, kAddresses);
    const std::uint16_t words[] = {rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN), rte_cpu_to_be_16(tci)};
    std::memcpy(front + kAddresses, words, sizeof words);
    return true;
}

}  // namespace

VlanPorts::VlanPorts(std::uint16_t device, std::span<const Place> places) {
    for (std::uint16_t port = 0; port < places.size(); ++port) {
        if (places[port].device == device && places[port].vlan == 0) {
            untagged_ = port;
        } else if (places[port].device == device) {
            entries_[count_++] = {places[port].vlan, port};
        }
    }
}

std::uint16_t VlanPorts::port_of(std::uint16_t vlan) const noexcept {
    for (unsigned i = 0; i < count_; ++i) {
        if (entries_[i].vlan == vlan) {
            return entries_[i].port;
        }
    }
    return tables::kNoPort;
}

std::uint16_t VlanPorts::sort(rte_mbuf& frame) const noexcept {
    const bool stripped = (frame.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
    if (!stripped && !has_tag(frame)) {
        return untagged_;
    }
    const std::uint16_t tci = stripped ? frame.vlan_tci : tag_of(frame);
    const std::uint16_t vlan = tci & kVlanMask;
    const std::uint16_t port = vlan == 0 ? untagged_ : port_of(vlan);
    if (vlan == 0 || port != tables::kNoPort) {
        if (!stripped) {
            take_tag_off(frame);
        }
        return port;
    }
    return stripped && untagged_ != tables::kNoPort && !put_tag_in(frame, tci) ? tables::kNoPort : untagged_;
}

bool tag(rte_mbuf& frame, const Place& place) noexcept {
    if (place.insert_offload) {
        frame.vlan_tci = place.vlan;
        frame.ol_flags |= RTE_MBUF_F_TX_VLAN;
        return true;
    }
    // Offloads that are asked for find their headers behind the tag.
    if ((frame.ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK) != 0) {
        frame.l2_len = (frame.l2_len + kTag) & 0x7f;
    }
    return put_tag_in(frame, place.vlan);
}

}  // namespace homeward::worker
