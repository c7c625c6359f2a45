#include "nic_queue.h"

#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace bench {
namespace {

constexpr unsigned kGroup = 32;
constexpr unsigned kTxRing = 1024;
constexpr unsigned kFlagShift = 4;

void must(int error) {
    if (error != 0) {
        throw std::runtime_error{"the pool is too small for the rings"};
    }
}

}  // namespace

RxQueue::RxQueue(rte_mempool& pool, unsigned descriptors, std::uint16_t port)
    : pool_(&pool), rearm_(0), ring_(descriptors), buffers_(descriptors) {
    if (descriptors % kGroup != 0) {
        throw std::runtime_error{"a receive ring is a multiple of 32 descriptors"};
    }
    rte_mbuf example{};
    example.data_off = RTE_PKTMBUF_HEADROOM;
    example.nb_segs = 1;
    example.port = port;
    rte_mbuf_refcnt_set(&example, 1);
    std::memcpy(&rearm_, &example.rearm_data, sizeof rearm_);
    next_ = descriptors;
    rewind();
}

RxQueue::~RxQueue() {
    for (rte_mbuf* buffer : buffers_) {
        rte_mbuf_raw_free(buffer);
    }
}

void RxQueue::complete(unsigned index, std::uint16_t length, bool checksums_good) noexcept {
    const std::uint64_t flags =
        checksums_good ? RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD : RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN;
    ring_[index].flags = static_cast<std::uint32_t>(flags >> kFlagShift);
    ring_[index].length = length;
    ring_[index].done = 1;
}

void RxQueue::receive(rte_mbuf** packets, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        const unsigned at = next_ + i;
        const Descriptor descriptor = ring_[at];
        rte_mbuf* buffer = buffers_[at];
        if (at + 1 < buffers_.size()) {
            rte_prefetch0(buffers_[at + 1]);
        }
        std::memcpy(&buffer->rearm_data, &rearm_, sizeof rearm_);
        buffer->ol_flags = std::uint64_t{descriptor.flags} << kFlagShift;
        buffer->packet_type = 0;
        buffer->pkt_len = descriptor.length;
        buffer->data_len = descriptor.length;
        packets[i] = buffer;
    }
    next_ += count;
    while (next_ - refilled_ >= kGroup) {
        refill(kGroup);
    }
}

void RxQueue::refill(unsigned count) {
    rte_mbuf** group = buffers_.data() + refilled_;
    must(rte_mempool_get_bulk(pool_, reinterpret_cast<void**>(group), count));
    for (unsigned i = 0; i < count; ++i) {
        ring_[refilled_ + i] = {.address = rte_mbuf_data_iova_default(group[i])};
    }
    refilled_ += count;
}

void RxQueue::rewind() {
    refill(next_ - refilled_);
    next_ = refilled_ = 0;
}

TxQueue::TxQueue() : ring_(kTxRing), buffers_(kTxRing) {}

TxQueue::~TxQueue() {
    while (used_ != 0) {
        rte_pktmbuf_free(buffers_[oldest_++ % kTxRing]);
        --used_;
    }
}

void TxQueue::transmit(rte_mbuf** packets, unsigned count) noexcept {
    while (used_ + count > kTxRing - kGroup) {
        free_oldest();
    }
    for (unsigned i = 0; i < count; ++i) {
        const rte_mbuf& packet = *packets[i];
        Descriptor& descriptor = ring_[next_];
        descriptor.address = rte_mbuf_data_iova(&packet);
        descriptor.length = packet.data_len;
        // Offloads take the lengths in the buffer's second line; without them a driver does not touch it.
        descriptor.flags = (packet.ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK) != 0
                               ? static_cast<std::uint32_t>(packet.tx_offload ^ packet.ol_flags >> 32)
                               : 0;
        buffers_[next_] = packets[i];
        next_ = (next_ + 1) % kTxRing;
    }
    used_ += count;
}

void TxQueue::free_oldest() noexcept {
    std::array<rte_mbuf*, kGroup> group;
    unsigned count = 0;
    for (unsigned i = 0; i < kGroup; ++i) {
        if (rte_mbuf* buffer = rte_pktmbuf_prefree_seg(buffers_[oldest_]); buffer != nullptr) {
            group[count++] = buffer;
        }
        oldest_ = (oldest_ + 1) % kTxRing;
    }
    rte_mempool_put_bulk(group.front()->pool, reinterpret_cast<void**>(group.data()), count);
    used_ -= kGroup;
}

}  // namespace bench
