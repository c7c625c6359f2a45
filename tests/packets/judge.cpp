// The half of Traffic that judges what leaves.
#include <fmt/format.h>
#include <rte_ether.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "mark.h"
#include "traffic.h"

namespace rig {
namespace {

constexpr std::uint16_t kRight = 0xffff;  ///< what a checksum over a packet with its right checksum gives

/// The inner packet, if it is one of ours, whole, and was forwarded once.
std::optional<Mark> read_inner(const std::uint8_t* at, unsigned length) {
    rte_ipv4_hdr ip;
    Mark mark;
    if (length != kInner) {
        return std::nullopt;
    }
    std::memcpy(&ip, at, sizeof ip);
    std::memcpy(&mark, at + kInner - sizeof mark, sizeof mark);
    const bool whole = ip.version_ihl == 0x45 && rte_be_to_cpu_16(ip.total_length) == kInner &&
                       ip.time_to_live == kTtl - 1 && rte_ipv4_cksum(&ip) == 0 && mark.magic == Mark::kMagic;
    return whole ? std::optional{mark} : std::nullopt;
}

std::uint32_t source_of(const std::uint8_t* ip) {
    return rte_be_to_cpu_32(reinterpret_cast<const rte_ipv4_hdr*>(ip)->src_addr);
}

std::uint32_t destination_of(const std::uint8_t* ip) {
    return rte_be_to_cpu_32(reinterpret_cast<const rte_ipv4_hdr*>(ip)->dst_addr);
}

}  // namespace

std::uint16_t Traffic::transmit(void* queue, rte_mbuf** frames, std::uint16_t count) {
    Tx& tx = *static_cast<Tx*>(queue);
    for (unsigned i = 0; i < count; ++i) {
        tx.owner->judge(tx, *frames[i]);
    }
    rte_pktmbuf_free_bulk(frames, count);
    return count;
}

void Traffic::judge(Tx& tx, const rte_mbuf& frame) {
    std::array<std::uint8_t, 128> buffer;
    const unsigned size = rte_pktmbuf_pkt_len(&frame);
    const auto* bytes = static_cast<const std::uint8_t*>(
        rte_pktmbuf_read(&frame, 0, std::min<unsigned>(size, buffer.size()), buffer.data()));
    unsigned header = sizeof(rte_ether_hdr);
    std::uint16_t port = tx.device;
    bool plausible = size > header + kTag && std::equal(bytes, bytes + 6, Fleet::kFarMac.begin());
    if (machine_.shape().one_device) {
        const unsigned vlan = plausible ? unsigned{bytes[14]} << 8 | bytes[15] : 0;
        plausible = plausible && bytes[12] == 0x81 && bytes[13] == 0x00;
        port = vlan == Shape::kAccessVlan ? kAccess : kHome;
        plausible = plausible && (vlan == Shape::kAccessVlan || vlan == Shape::kHomeVlan);
        header += kTag;
    }
    const char* fault = "a frame that is none of ours";
    if (!plausible || size < header + kInner || bytes[header - 2] != 0x08) {
        add(tx.strange, 1);
    } else {
        add(port == kAccess ? tx.to_nodes : tx.to_peers, 1);
        fault = port == kAccess ? judge_tunnel(tx, bytes + header, size - header)
                                : judge_plain(tx, bytes + header, size - header);
    }
    if (fault != nullptr) {
        add(tx.wrong, 1);
        const std::lock_guard held{complaint_lock_};
        if (complaint_.empty()) {
            complaint_ = fmt::format("{}: {:02x}", fault, fmt::join(bytes, bytes + std::min(size, 96U), ""));
        }
    }
}

/// Towards a node; null when nothing is wrong.
const char* Traffic::judge_tunnel(Tx& tx, const std::uint8_t* packet, unsigned length) {
    if (length != kOuter + kInner || source_of(packet) != Fleet::kHomeAgent) {
        return "no tunnel packet of ours";
    }
    const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(packet);
    const auto* udp = reinterpret_cast<const rte_udp_hdr*>(ip + 1);
    if (rte_ipv4_cksum(ip) != 0 || rte_ipv4_udptcp_cksum(ip, udp) != kRight) {
        return "a wrong outer checksum";
    }
    const std::uint8_t* inner = packet + kOuter;
    const auto mark = read_inner(inner, length - kOuter);
    if (!mark || mark->way != kDown || mark->node >= fleet_.nodes() || mark->which >= Fleet::kPeers ||
        source_of(inner) != Fleet::peer(mark->which) || destination_of(inner) != Fleet::home_address(mark->node)) {
        return "not the packet that came, inside a tunnel";
    }
    const std::uint32_t slot = destination_of(packet) - Fleet::kAccessNetwork;
    const unsigned variant = slot % Fleet::kVariants;
    if (slot / Fleet::kVariants != mark->node) {
        return "another node's care-of address";
    }
    if (rte_be_to_cpu_16(udp->dst_port) != Fleet::port(mark->node, variant)) {
        return "another uplink's port";
    }
    if ((fleet_.may_leave_by(mark->node, mark->which) >> variant & 1) == 0) {
        return "an uplink that was not the one to choose";
    }
    return judge_order(tx, down_last_[std::size_t{mark->node} * Fleet::kPeers + mark->which], mark->number,
                       Fleet::faithful(mark->node));
}

/// Towards a correspondent; null when nothing is wrong.
const char* Traffic::judge_plain(Tx& tx, const std::uint8_t* packet, unsigned length) {
    const auto mark = read_inner(packet, length);
    if (!mark || mark->way != kUp || mark->node >= fleet_.nodes() || mark->which >= Fleet::kVariants ||
        source_of(packet) != Fleet::home_address(mark->node) ||
        destination_of(packet) - Fleet::kPeer >= Fleet::kPeers) {
        return "not the packet that came, out of a tunnel";
    }
    if ((fleet_.may_come_by(mark->node) >> mark->which & 1) == 0) {
        return "from an uplink that was not valid";
    }
    return judge_order(tx, up_last_[std::size_t{mark->node} * Fleet::kVariants + mark->which], mark->number,
                       Fleet::faithful(mark->node) && mark->which == 0);
}

const char* Traffic::judge_order(Tx& tx, std::uint32_t& last, std::uint32_t number, bool faithful) {
    if (faithful) {
        add(tx.faithful, 1);
    }
    const std::uint32_t before = std::exchange(last, number);
    return number > before ? nullptr : "out of its order, or a second time";
}

}  // namespace rig
