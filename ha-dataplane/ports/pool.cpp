#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

#include <algorithm>

#include "ports/eal.h"
#include "ports/port.h"

namespace homeward::ports {
namespace {

/// One queue's worst case: an AF_XDP fill ring and completion ring of 2048 each, a burst in flight, and what the
/// pipeline holds for a moment (unresolved neighbours, early fragments).
constexpr unsigned kPerQueue = 8192;
/// What the exception rings and TAP reads may hold.
constexpr unsigned kException = 8191;
constexpr unsigned kCache = 256;

/// Of a tunnel packet: IPv4, UDP, tunnel header. What was reassembled and fits a port's MTU once it is stripped then
/// fits one buffer, too.
constexpr unsigned kTunnelHeaders = 32;

unsigned pool_size(const PoolNeeds& needs) {
    return needs.workers *
               (needs.ports * kPerQueue + reassembly_buffers(needs) + needs.between_workers + needs.resend) +
           kException;
}

std::uint16_t data_room(std::uint16_t largest_mtu) {
    // Ethernet header, two VLAN tags and CRC ride on top of the MTU.
    const unsigned frame =
        std::max<unsigned>(largest_mtu, RTE_ETHER_MTU) + RTE_ETHER_HDR_LEN + 8 + RTE_ETHER_CRC_LEN + kTunnelHeaders;
    const unsigned room = std::max<unsigned>(RTE_MBUF_DEFAULT_DATAROOM, (frame + 63U) / 64U * 64U);
    return static_cast<std::uint16_t>(std::min<unsigned>(room + RTE_PKTMBUF_HEADROOM, UINT16_MAX));
}

}  // namespace

Result<rte_mempool*> make_pool(int socket, const PoolNeeds& needs) {
    const unsigned count = pool_size(needs);
    rte_pktmbuf_pool_private layout{};
    layout.mbuf_data_room_size = data_room(needs.largest_mtu);
    // Without huge pages no device sees bus addresses, so a packet may cross the (4 KB) pages; else each would take
    // one of its own.
    const unsigned flags = rte_eal_has_hugepages() != 0 ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
    rte_mempool* pool =
        rte_mempool_create_empty(fmt::format("packets_{}", socket).c_str(), count,
                                 sizeof(rte_mbuf) + layout.mbuf_data_room_size, kCache, sizeof layout, socket, flags);
    int code = pool == nullptr ? -rte_errno : rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), nullptr);
    if (code == 0) {
        rte_pktmbuf_pool_init(pool, &layout);
        code = rte_mempool_populate_default(pool);
    }
    if (code < 0) {
        rte_mempool_free(pool);
        return Error{fmt::format("no memory for {} packets: {}; raise dataplane.memory", count, rte_strerror(-code))};
    }
    rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
    return pool;
}

unsigned reassembly_buffers(const PoolNeeds& needs) {
    return static_cast<unsigned>((std::uint64_t{needs.reassembly_mb} << 20) /
                                 (sizeof(rte_mbuf) + data_room(needs.largest_mtu)));
}

unsigned memory_needed(const PoolNeeds& needs) {
    constexpr unsigned kOthers = 64;  // rings, device queues, the EAL's own
    const std::uint64_t bytes =
        std::uint64_t{pool_size(needs)} * (sizeof(rte_mbuf) + data_room(needs.largest_mtu) + 2 * RTE_CACHE_LINE_SIZE);
    return static_cast<unsigned>(bytes >> 20) + kOthers;
}

}  // namespace homeward::ports
