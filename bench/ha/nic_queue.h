#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <vector>

namespace bench {

/// One ring's entry, 16 bytes as most NICs have them.
struct alignas(16) Descriptor {
    std::uint64_t address = 0;
    std::uint32_t flags = 0;  ///< receive: mbuf flags >> 4; transmit: command and offload lengths
    std::uint16_t length = 0;
    std::uint16_t done = 0;
};

/// The driver's half of a receive queue: what an Intel driver does for each packet. It reads the descriptor that the
/// NIC wrote, sets the buffer's fields, hands it over, and in groups of 32 refills the ring from the pool.
class RxQueue {
  public:
    RxQueue(rte_mempool& pool, unsigned descriptors, std::uint16_t port);
    ~RxQueue();
    RxQueue(RxQueue&&) = default;
    RxQueue& operator=(RxQueue&&) = delete;
    RxQueue(const RxQueue&) = delete;
    RxQueue& operator=(const RxQueue&) = delete;

    // The NIC's half: where the frame of descriptor `index` goes, and that it is there.
    std::uint8_t* frame(unsigned index) const noexcept {
        return static_cast<std::uint8_t*>(buffers_[index]->buf_addr) + RTE_PKTMBUF_HEADROOM;
    }
    void complete(unsigned index, std::uint16_t length, bool checksums_good) noexcept;

    // The driver's.
    /// Of the ring's descriptors, how many were received since rewind().
    unsigned next() const noexcept { return next_; }
    rte_mbuf* const* waiting() const noexcept { return buffers_.data() + next_; }
    void receive(rte_mbuf** packets, unsigned count);
    /// Refills what is left and begins at the ring's first descriptor again.
    void rewind();

  private:
    void refill(unsigned count);

    rte_mempool* pool_;
    std::uint64_t rearm_;  ///< data offset, reference count 1, segments 1, port: one store
    std::vector<Descriptor> ring_;
    std::vector<rte_mbuf*> buffers_;
    unsigned next_ = 0;
    unsigned refilled_ = 0;  ///< of those received
};

/// The driver's half of a transmit queue: writes descriptors, and when the ring is nearly full gives the buffers of the
/// 32 oldest ones back to their pool. The NIC sends at once.
class TxQueue {
  public:
    TxQueue();
    ~TxQueue();
    TxQueue(TxQueue&&) = default;
    TxQueue& operator=(TxQueue&&) = delete;
    TxQueue(const TxQueue&) = delete;
    TxQueue& operator=(const TxQueue&) = delete;

    void transmit(rte_mbuf** packets, unsigned count) noexcept;

  private:
    void free_oldest() noexcept;

    std::vector<Descriptor> ring_;
    std::vector<rte_mbuf*> buffers_;
    unsigned next_ = 0;
    unsigned oldest_ = 0;
    unsigned used_ = 0;
};

}  // namespace bench
