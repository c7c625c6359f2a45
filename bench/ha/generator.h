#pragma once

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "frames.h"
#include "histogram.h"
#include "nic_queue.h"

namespace bench {

/// Two in-process Ethernet devices, the access and the home port, that a worker polls like any other.
///
/// They are net_null ports whose receive and transmit entry points are replaced (nic_queue.h). Those do what a driver
/// does, and nothing a NIC's driver would not: the frames' bytes were written beforehand, as DMA would have, nothing is
/// copied and no packet is looked at.
///
/// A *round* is one pass over the receive ring. Between rounds, off the clock, every buffer in it gets a new frame for
/// a new random node and is moved to the third-level cache, where a NIC's DDIO leaves frames.
///
/// The scheduler's theft shows as a long time between two polls. Such a round is set aside and counted.
class Generator {
  public:
    struct Load {
        Direction direction = Direction::uplink;
        double packets_per_s = 0;   ///< 0: as many as the worker takes; else paced by the TSC, an open loop
        std::uint32_t ring = 1024;  ///< paced: descriptors per port; what finds none free is lost
        bool offloads = true;       ///< the device checks and computes IPv4 and UDP checksums
    };
    struct Result {
        std::uint64_t packets = 0, cycles = 0;  ///< of rounds that count
        std::uint64_t lost = 0;                 ///< paced: found no descriptor
        unsigned rounds = 0, set_aside = 0;
        Histogram latency;  ///< paced: from arrival to transmission, TSC cycles

        double cycles_per_packet() const { return static_cast<double>(cycles) / static_cast<double>(packets); }
    };

    /// The ports exist and are started; receive rings of `descriptors`.
    Generator(rte_mempool* pool, unsigned descriptors);
    ~Generator() = default;
    Generator(const Generator&) = delete;
    Generator& operator=(const Generator&) = delete;

    /// Plays `rounds` rounds to whoever polls; `finished` is called from a receive call once they are over, and
    /// nothing comes any more. Afterwards `result()` holds.
    void arm(const Load& load, Frames& frames, unsigned rounds, std::function<void()> finished);
    const Result& result() const noexcept { return result_; }

  private:
    struct Side {
        Side(Generator& generator, std::uint16_t number, rte_mempool& pool, unsigned descriptors)
            : owner(&generator), port(number), rx(pool, descriptors, number) {}

        Generator* owner;
        std::uint16_t port;
        RxQueue rx;
        TxQueue tx;
        std::uint64_t arrived = 0;  ///< paced: of those that came, how many found no descriptor
    };

    static std::uint16_t receive(void* queue, rte_mbuf** packets, std::uint16_t room);
    static std::uint16_t transmit(void* queue, rte_mbuf** packets, std::uint16_t count);
    void stamp(const Side& side, rte_mbuf* const* packets, unsigned count) const;
    unsigned due(Side& side, std::uint64_t now);
    bool active(const Side& side) const noexcept;
    bool round_over() const noexcept;
    void end_round(std::uint64_t now);
    void write_frames();
    void begin_round();

    unsigned descriptors_;
    std::array<Side, 2> sides_;
    std::array<void*, 2> queues_;  ///< what the entry points are given
    Load load_;
    Frames* frames_ = nullptr;
    std::function<void()> finished_;
    unsigned rounds_left_ = 0;
    bool armed_ = false;
    bool disturbed_ = false;
    double cycles_per_arrival_ = 0;
    std::uint64_t began_ = 0, last_poll_ = 0, lost_ = 0;
    Histogram round_latency_;
    Result result_;
};

}  // namespace bench
