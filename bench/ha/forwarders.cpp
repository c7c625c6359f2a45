#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_lpm.h>

#include <stdexcept>

#include "contestant.h"
#include "pipeline/headers.h"

namespace bench {
namespace {

constexpr unsigned kBurst = 64;
/// How many packets ahead l3fwd asks for a packet's first line.
constexpr unsigned kAhead = 3;

void send(std::uint16_t port, rte_mbuf** packets, unsigned count) {
    const unsigned sent = rte_eth_tx_burst(port, 0, packets, static_cast<std::uint16_t>(count));
    rte_pktmbuf_free_bulk(packets + sent, count - sent);
}

}  // namespace

void IoForward::run() {
    std::array<rte_mbuf*, kBurst> packets;
    while (!stopping_.load(std::memory_order_relaxed)) {
        for (const std::uint16_t port : {kAccess, kHome}) {
            const unsigned count = rte_eth_rx_burst(port, 0, packets.data(), kBurst);
            if (count != 0) {
                send(port ^ 1, packets.data(), count);
            }
        }
    }
}

L3Forward::L3Forward() {
    rte_lpm_config config{};
    config.max_rules = 16;
    config.number_tbl8s = 8;
    lpm_ = rte_lpm_create("l3fwd", 0, &config);
    if (lpm_ == nullptr || rte_lpm_add(lpm_, 0x80000000, 3, kHome) != 0 ||
        rte_lpm_add(lpm_, 0xc0a80001, 32, kHome) != 0) {
        throw std::runtime_error{"cannot make l3fwd's routes"};
    }
    for (std::uint32_t number = 0; number < Population::kNetworks; ++number) {
        rte_lpm_add(lpm_, 0x0a000000 | number << 22, 12, kAccess);
    }
}

L3Forward::~L3Forward() {
    rte_lpm_free(lpm_);
}

bool L3Forward::route(rte_mbuf* packet, std::uint16_t& port) const {
    auto* ethernet = rte_pktmbuf_mtod(packet, pipeline::EthernetHeader*);
    auto* ip = reinterpret_cast<pipeline::Ipv4Header*>(ethernet + 1);
    if (ethernet->type.host() != pipeline::kEtherTypeIpv4 || ip->version_ihl >> 4 != 4 || ip->header_length() < 20 ||
        ip->total_length.host() < ip->header_length() || rte_pktmbuf_pkt_len(packet) < 34 ||
        (packet->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD) {
        return false;
    }
    std::uint32_t hop = 0;
    if (rte_lpm_lookup(lpm_, ip->destination.host(), &hop) != 0) {
        return false;
    }
    --ip->ttl;
    auto* checksum = reinterpret_cast<std::uint16_t*>(&ip->checksum);
    ++*checksum;  // l3fwd's own short cut
    port = static_cast<std::uint16_t>(hop);
    ethernet->destination = kGatewayMac;
    ethernet->source = {2, 0, 0, 0, 0, static_cast<std::uint8_t>(port)};
    return true;
}

void L3Forward::run() {
    std::array<rte_mbuf*, kBurst> packets;
    std::array<std::array<rte_mbuf*, kBurst>, 2> out;
    while (!stopping_.load(std::memory_order_relaxed)) {
        for (const std::uint16_t from : {kAccess, kHome}) {
            const unsigned count = rte_eth_rx_burst(from, 0, packets.data(), kBurst);
            std::array<unsigned, 2> waiting{};
            for (unsigned i = 0; i < std::min(count, kAhead); ++i) {
                rte_prefetch0(rte_pktmbuf_mtod(packets[i], void*));
            }
            for (unsigned i = 0; i < count; ++i) {
                if (i + kAhead < count) {
                    rte_prefetch0(rte_pktmbuf_mtod(packets[i + kAhead], void*));
                }
                std::uint16_t port = 0;
                if (route(packets[i], port)) {
                    out[port][waiting[port]++] = packets[i];
                } else {
                    rte_pktmbuf_free(packets[i]);
                }
            }
            for (const std::uint16_t port : {kAccess, kHome}) {
                if (waiting[port] != 0) {
                    send(port, out[port].data(), waiting[port]);
                }
            }
        }
    }
}

}  // namespace bench
