#pragma once

#include <rte_mbuf.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "fleet.h"
#include "machine.h"

namespace rig {

/// The far ends of a machine's devices.
///
/// The devices' receive and transmit entry points are replaced. A worker that polls a queue is given fresh frames of
/// the nodes that RSS would send there; what it transmits is judged and freed. So there is no thread but the workers',
/// and every frame is made and judged by one.
///
/// Each packet carries a mark: node, direction, variant or peer, and a number that grows within its flow. Of what
/// leaves, everything is checked: addresses, checksums, TTL, that the packet inside is whole, that the uplink is or was
/// valid for this very node while the packet was inside (fleet.h), and that no flow is reordered.
class Traffic {
  public:
    struct Load {
        /// Frames under way at most, below what any ring holds: nothing is lost for want of room. 0: no bound.
        std::uint64_t window = 512;
        bool fragments =
            true;  ///< some of the tunnel packets; what loses its other half stays with the worker for long
    };
    Traffic(Machine& machine, const Fleet& fleet, const Load& load);

    void open() noexcept { open_ = true; }
    void close() noexcept { open_ = false; }

    struct Account {
        std::uint64_t sent = 0;           ///< frames given to the workers
        std::uint64_t to_nodes = 0;       ///< frames that left by a tunnel
        std::uint64_t to_peers = 0;       ///< frames that left towards correspondents
        std::uint64_t wrong = 0;          ///< of those two, the ones that should not have
        std::uint64_t strange = 0;        ///< frames that left and are neither
        std::uint64_t faithful_sent = 0;  ///< packets of which none may be lost
        std::uint64_t faithful_came = 0;  ///< those that left
        std::uint64_t left() const noexcept { return to_nodes + to_peers + strange; }
    };
    Account account() const noexcept;
    /// Frames that were given to the workers and neither left nor ended in a counter. 0 once all is done.
    std::int64_t unaccounted() const noexcept;
    /// What was wrong first, in words.
    std::string complaint() const;

  private:
    /// A receive queue's far end.
    struct alignas(64) Rx {
        Traffic* owner = nullptr;
        std::uint16_t device = 0, queue = 0, queues = 1;
        std::uint64_t random = 0;
        std::atomic<std::uint64_t> sent{0}, faithful{0};
    };
    /// A transmit queue's.
    struct alignas(64) Tx {
        Traffic* owner = nullptr;
        std::uint16_t device = 0;
        std::atomic<std::uint64_t> to_nodes{0}, to_peers{0}, wrong{0}, strange{0}, faithful{0};
    };
    struct Device {
        std::vector<Rx> rx;
        std::vector<Tx> tx;
        std::vector<void*> rx_data, tx_data;  ///< what the entry points are given
    };

    static std::uint16_t receive(void* queue, rte_mbuf** frames, std::uint16_t room);
    static std::uint16_t transmit(void* queue, rte_mbuf** frames, std::uint16_t count);

    void connect(std::uint16_t id, Device& device);
    unsigned make(Rx& rx, rte_mbuf** frames, unsigned room);
    unsigned make_uplink(Rx& rx, std::uint32_t node, rte_mbuf** frames, unsigned room);
    void make_downlink(Rx& rx, std::uint32_t node, rte_mbuf& frame);
    void make_registration(Rx& rx, std::uint32_t node, rte_mbuf& frame);
    void put_ethernet(rte_mbuf& frame, std::uint16_t port) const;

    void judge(Tx& tx, const rte_mbuf& frame);
    const char* judge_tunnel(Tx& tx, const std::uint8_t* packet, unsigned length);
    const char* judge_plain(Tx& tx, const std::uint8_t* packet, unsigned length);
    static const char* judge_order(Tx& tx, std::uint32_t& last, std::uint32_t number, bool faithful);

    Machine& machine_;
    const Fleet& fleet_;
    Load load_;
    std::atomic<bool> open_{false};
    std::vector<Device> devices_;
    /// By flow; a flow's are touched by one worker on the way in and by one on the way out, or the test has failed.
    std::vector<std::uint32_t> up_next_, up_last_, down_next_, down_last_;
    mutable std::mutex complaint_lock_;
    std::string complaint_;
};

}  // namespace rig
