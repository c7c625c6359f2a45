#include "traffic.h"

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <algorithm>
#include <cstring>

#include "mark.h"

namespace rig {
namespace {

using stats::Drop;
using stats::Event;

constexpr unsigned kBurst = 32;
constexpr std::uint8_t kData = 4, kIpv4 = 4, kRegistration = 1;
/// Of the outer packet behind its IP header: the first fragment shows the inner header.
constexpr unsigned kFirstFragment = 40;

std::uint64_t next_random(std::uint64_t& state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

void write_ip(std::uint8_t* at, std::uint32_t from, std::uint32_t to, unsigned length, std::uint16_t id,
              std::uint16_t fragment) {
    rte_ipv4_hdr ip{};
    ip.version_ihl = 0x45;
    ip.total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(length));
    ip.packet_id = rte_cpu_to_be_16(id);
    ip.fragment_offset = rte_cpu_to_be_16(fragment);
    ip.time_to_live = kTtl;
    ip.next_proto_id = IPPROTO_UDP;
    ip.src_addr = rte_cpu_to_be_32(from);
    ip.dst_addr = rte_cpu_to_be_32(to);
    ip.hdr_checksum = rte_ipv4_cksum(&ip);
    std::memcpy(at, &ip, sizeof ip);
}

void write_udp(std::uint8_t* at, std::uint16_t from, std::uint16_t to, unsigned length) {
    const rte_udp_hdr udp{rte_cpu_to_be_16(from), rte_cpu_to_be_16(to),
                          rte_cpu_to_be_16(static_cast<std::uint16_t>(length)), 0};
    std::memcpy(at, &udp, sizeof udp);
}

void write_inner(std::uint8_t* at, std::uint32_t from, std::uint32_t to, const Mark& mark) {
    write_ip(at, from, to, kInner, static_cast<std::uint16_t>(mark.number), 0);
    at += sizeof(rte_ipv4_hdr);
    write_udp(at, 1000, 2000, kInner - sizeof(rte_ipv4_hdr));
    std::memcpy(at + sizeof(rte_udp_hdr), &mark, sizeof mark);
}

/// UDP checksum of the whole packet at `ip`, as a sender computes it.
void sum_udp(std::uint8_t* ip) {
    auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + sizeof(rte_ipv4_hdr));
    udp->dgram_cksum = rte_ipv4_udptcp_cksum(reinterpret_cast<rte_ipv4_hdr*>(ip), udp);
}

std::uint8_t* set_length(rte_mbuf& frame, unsigned packet) {
    frame.data_len = static_cast<std::uint16_t>(sizeof(rte_ether_hdr) + packet);
    frame.pkt_len = frame.data_len;
    return rte_pktmbuf_mtod_offset(&frame, std::uint8_t*, sizeof(rte_ether_hdr));
}

}  // namespace

Traffic::Traffic(Machine& machine, const Fleet& fleet, const Load& load)
    : machine_(machine),
      fleet_(fleet),
      load_(load),
      devices_(machine.devices()),
      up_next_(std::size_t{fleet.nodes()} * Fleet::kVariants),
      up_last_(up_next_.size()),
      down_next_(std::size_t{fleet.nodes()} * Fleet::kPeers),
      down_last_(down_next_.size()) {
    for (std::uint16_t id = 0; id < devices_.size(); ++id) {
        connect(id, devices_[id]);
    }
}

void Traffic::connect(std::uint16_t id, Device& device) {
    const std::uint16_t queues =
        id == 0 || machine_.shape().one_device ? machine_.shape().access_queues : machine_.shape().home_queues;
    device.rx = std::vector<Rx>(queues);
    device.tx = std::vector<Tx>(queues);
    for (std::uint16_t queue = 0; queue < queues; ++queue) {
        Rx& rx = device.rx[queue];
        rx.owner = device.tx[queue].owner = this;
        rx.device = device.tx[queue].device = id;
        rx.queue = queue;
        rx.queues = queues;
        rx.random = 0x9e3779b97f4a7c15ULL * (1U + id * 16U + queue);
        device.rx_data.push_back(&rx);
        device.tx_data.push_back(&device.tx[queue]);
    }
    auto& entry = rte_eth_fp_ops[id];
    entry.rx_pkt_burst = &Traffic::receive;
    entry.tx_pkt_burst = &Traffic::transmit;
    entry.rxq.data = device.rx_data.data();
    entry.txq.data = device.tx_data.data();
}

std::uint16_t Traffic::receive(void* queue, rte_mbuf** frames, std::uint16_t room) {
    Rx& rx = *static_cast<Rx*>(queue);
    Traffic& traffic = *rx.owner;
    const unsigned count = std::min<unsigned>(room, kBurst);
    if (!traffic.open_.load(std::memory_order_relaxed) ||
        (traffic.load_.window != 0 &&
         traffic.unaccounted() + kBurst > static_cast<std::int64_t>(traffic.load_.window)) ||
        rte_pktmbuf_alloc_bulk(traffic.machine_.pool(), frames, count) != 0) {
        return 0;
    }
    for (unsigned made = 0; made < count;) {
        made += traffic.make(rx, frames + made, count - made);
    }
    add(rx.sent, count);
    return static_cast<std::uint16_t>(count);
}

/// A packet in one frame or two; returns which.
unsigned Traffic::make(Rx& rx, rte_mbuf** frames, unsigned room) {
    const std::uint64_t random = next_random(rx.random);
    // RSS: a node's packets come by one queue.
    const auto node = static_cast<std::uint32_t>(random >> 32) % (fleet_.nodes() / rx.queues) * rx.queues + rx.queue;
    const bool both = machine_.shape().one_device;
    if (both ? (random & 1) != 0 : rx.device == kHome) {
        make_downlink(rx, node, *frames[0]);
        return 1;
    }
    if ((random >> 1) % 256 == 0) {
        make_registration(rx, node, *frames[0]);
        return 1;
    }
    return make_uplink(rx, node, frames, room);
}

void Traffic::put_ethernet(rte_mbuf& frame, std::uint16_t port) const {
    auto* bytes = rte_pktmbuf_mtod(&frame, std::uint8_t*);
    const auto mac = machine_.device(port).mac();
    std::memcpy(bytes, mac.data(), mac.size());
    std::memcpy(bytes + 6, Fleet::kFarMac.data(), 6);
    bytes[12] = 0x08;
    bytes[13] = 0x00;
    if (machine_.shape().one_device) {
        const std::uint16_t vlan = port == kAccess ? Shape::kAccessVlan : Shape::kHomeVlan;
        std::uint8_t* front = bytes - kTag;
        frame.data_off = static_cast<std::uint16_t>(frame.data_off - kTag);
        frame.data_len = static_cast<std::uint16_t>(frame.data_len + kTag);
        frame.pkt_len += kTag;
        std::memmove(front, front + kTag, 12);
        const std::uint8_t tag[] = {0x81, 0x00, static_cast<std::uint8_t>(vlan >> 8), static_cast<std::uint8_t>(vlan)};
        std::memcpy(front + 12, tag, sizeof tag);
    }
}

/// Mostly from an uplink that is valid, sometimes from any; one in 32 in fragments.
unsigned Traffic::make_uplink(Rx& rx, std::uint32_t node, rte_mbuf** frames, unsigned room) {
    const std::uint64_t random = next_random(rx.random);
    const Fleet::Mask valid = fleet_.may_come_by(node);
    unsigned variant = random % Fleet::kVariants;
    if (random >> 8 & 7 && valid != 0) {
        while ((valid >> variant & 1) == 0) {
            variant = (variant + 1) % Fleet::kVariants;
        }
    }
    const std::size_t flow = std::size_t{node} * Fleet::kVariants + variant;
    const Mark mark{.node = node, .number = ++up_next_[flow], .way = kUp, .which = static_cast<std::uint8_t>(variant)};
    if (Fleet::faithful(node) && variant == 0) {
        add(rx.faithful, 1);
    }
    std::uint8_t* ip = set_length(*frames[0], kOuter + kInner);
    const std::uint32_t care_of = Fleet::care_of(node, variant);
    const auto id = static_cast<std::uint16_t>(mark.number);
    write_ip(ip, care_of, Fleet::kHomeAgent, kOuter + kInner, id, 0);
    write_udp(ip + sizeof(rte_ipv4_hdr), Fleet::port(node, variant), Fleet::kTunnelPort,
              kOuter + kInner - sizeof(rte_ipv4_hdr));
    const std::uint8_t tunnel[kTunnelHeader] = {kData, kIpv4, 0, 0};
    std::memcpy(ip + kOuter - kTunnelHeader, tunnel, sizeof tunnel);
    write_inner(ip + kOuter, Fleet::home_address(node), Fleet::peer(random >> 16 & 3), mark);
    if ((random >> 20 & 3) == 0) {
        sum_udp(ip);
    }
    if (!load_.fragments || (random >> 24 & 31) != 0 || room < 2) {
        put_ethernet(*frames[0], kAccess);
        return 1;
    }
    constexpr unsigned kRest = kOuter + kInner - sizeof(rte_ipv4_hdr) - kFirstFragment;
    std::uint8_t* second = set_length(*frames[1], sizeof(rte_ipv4_hdr) + kRest);
    std::memcpy(second + sizeof(rte_ipv4_hdr), ip + sizeof(rte_ipv4_hdr) + kFirstFragment, kRest);
    write_ip(second, care_of, Fleet::kHomeAgent, sizeof(rte_ipv4_hdr) + kRest, id, kFirstFragment / 8);
    set_length(*frames[0], sizeof(rte_ipv4_hdr) + kFirstFragment);
    write_ip(ip, care_of, Fleet::kHomeAgent, sizeof(rte_ipv4_hdr) + kFirstFragment, id, RTE_IPV4_HDR_MF_FLAG);
    put_ethernet(*frames[0], kAccess);
    put_ethernet(*frames[1], kAccess);
    return 2;
}

void Traffic::make_downlink(Rx& rx, std::uint32_t node, rte_mbuf& frame) {
    const auto peer = static_cast<std::uint8_t>(next_random(rx.random) % Fleet::kPeers);
    const std::size_t flow = std::size_t{node} * Fleet::kPeers + peer;
    const Mark mark{.node = node, .number = ++down_next_[flow], .way = kDown, .which = peer};
    if (Fleet::faithful(node)) {
        add(rx.faithful, 1);
    }
    write_inner(set_length(frame, kInner), Fleet::peer(peer), Fleet::home_address(node), mark);
    put_ethernet(frame, kHome);
}

/// To our own address, for the kernel.
void Traffic::make_registration(Rx& rx, std::uint32_t node, rte_mbuf& frame) {
    constexpr unsigned kLength = sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr) + 24;
    std::uint8_t* ip = set_length(frame, kLength);
    std::memset(ip, 0, kLength);
    write_ip(ip, Fleet::care_of(node, rx.queue), Fleet::kHomeAgent, kLength, 1, 0);
    write_udp(ip + sizeof(rte_ipv4_hdr), 5000, Fleet::kTunnelPort, kLength - sizeof(rte_ipv4_hdr));
    ip[sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr)] = kRegistration;
    put_ethernet(frame, kAccess);
}

Traffic::Account Traffic::account() const noexcept {
    Account sum;
    for (const Device& device : devices_) {
        for (const Tx& tx : device.tx) {
            sum.to_nodes += tx.to_nodes;
            sum.to_peers += tx.to_peers;
            sum.wrong += tx.wrong;
            sum.strange += tx.strange;
            sum.faithful_came += tx.faithful;
        }
    }
    // Last, so that what is under way is never taken for less than it is.
    for (const Device& device : devices_) {
        for (const Rx& rx : device.rx) {
            sum.sent += rx.sent;
            sum.faithful_sent += rx.faithful;
        }
    }
    return sum;
}

/// Fragments become one packet; what is for the kernel left by its ring, or is a drop.
std::int64_t Traffic::unaccounted() const noexcept {
    const std::uint64_t to_kernel =
        machine_.count(Event::to_kernel_packets) - machine_.count(Drop::exception_ring_full);
    const std::uint64_t joined =
        machine_.count(Event::fragments_reassembled) - machine_.count(Event::datagrams_reassembled);
    const std::uint64_t dropped = machine_.dropped();
    const Account now = account();
    return static_cast<std::int64_t>(now.sent - now.left() - dropped - to_kernel - joined);
}

std::string Traffic::complaint() const {
    const std::lock_guard held{complaint_lock_};
    return complaint_;
}

}  // namespace rig
