#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "descriptor/unique_fd.h"
#include "numbering/seen.h"
#include "policy/table.h"
#include "tunnel/coalescer.h"
#include "tunnel/control_ring.h"
#include "tunnel/counters.h"
#include "tunnel/hold_queue.h"
#include "tunnel/packet.h"
#include "tunnel/receive_batch.h"
#include "tunnel/segmenter.h"
#include "tunnel/send_batch.h"
#include "tunnel/tun_device.h"

namespace homeward::tunnel {

inline constexpr std::size_t kMaxSlots = policy::kMaxUplinks;

enum class Source : std::uint8_t;

struct LoopSettings {
    std::vector<policy::Label> labels;  ///< slot k carries this label
    bool steered = false;               ///< the kernel chooses: queue k is uplink k's, the last queue is nobody's
    bool ecn_normal_mode = false;       ///< RFC 6040; else compatibility mode
    bool offload = true;                ///< the kernel cuts and joins trains at the sockets, we at the TUN
    bool trains = true;                 ///< sockets take them: not with an outer checksum of zero
    bool numbered = false;              ///< packets may come to have numbers: `set_numbered`
    std::uint16_t first_number = 1;     ///< of those that leave
    bool hold = false;                  ///< and a moved flow's wait for the old path's last one
};

/// The tunnel's thread: carries packets between the TUN's queues and the uplinks' sockets.
///
///     queue k ──read──► usable? ──yes──► Segmenter ► batch k ──sendmmsg──► socket k
///     (none) ──read──►  └─no─► policy::Table ► batch of the first usable uplink, and of the next one where the rule
///                              says `redundant`; or dropped by name
///     socket k ──recvmmsg──► registration, echo reply ► ControlRing
///                            tunnel data ► checks, ECN, MSS ► Coalescer ──writev──► TUN
///
/// A packet of the TUN has up to 64 KB and is cut here; the run of equal packets that results goes to the kernel as one
/// message. What comes back as such a run is joined again. Between the two, each packet is one of its own.
///
/// A socket that takes no more stops the reading of its own queue only: the kernel's queue behind it fills, and other
/// uplinks go on. A packet whose uplink went away between steering and reading, or whose link is found dead by the
/// very send, is classified again here and leaves by the next preference.
///
/// One thread reads and writes packets. The agent's thread changes settings by commands (taken between batches) or by
/// atomics; nothing in the packet path locks or allocates.
/// Members are grouped by who writes them, not by size.
class Loop {  // NOLINT(clang-analyzer-optin.performance.Padding)
  public:
    Loop(const TunDevice& tun, LoopSettings settings);
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Puts a socket in place of slot's present one, which is closed; an empty one only takes it away.
    void set_socket(unsigned slot, UniqueFd socket);
    /// The same of its socket for IP in IP without UDP, by which packets may come as soon as it is there.
    void set_plain_socket(unsigned slot, UniqueFd socket);
    /// Whether packets leave by that one: the home agent declined UDP.
    void set_plain(unsigned slot, bool plain) noexcept { plain_[slot].store(plain, std::memory_order_relaxed); }
    /// May packets leave by this uplink? Also kept in the steering program's map, by the agent.
    void set_usable(unsigned slot, bool usable) noexcept { usable_[slot].store(usable, std::memory_order_release); }
    void set_table(std::shared_ptr<const policy::Table> table);
    void set_home_address(wire::Ipv4Address address) noexcept {
        home_address_.store(address.host(), std::memory_order_relaxed);
    }
    /// Whether numbers in tunnel headers mean anything (LoopSettings::numbered): the home agent agreed to them.
    void set_numbered(bool numbered) noexcept { numbered_.store(numbered, std::memory_order_relaxed); }
    /// For how long packets may wait for those of another path; 0: not known.
    void set_round_trip(unsigned slot, std::uint32_t microseconds) noexcept {
        round_trips_[slot].store(microseconds, std::memory_order_relaxed);
    }
    /// TCP's MSS in SYNs of both directions; 0: left alone.
    void set_max_mss(std::uint16_t limit) noexcept { max_mss_.store(limit, std::memory_order_relaxed); }

    /// Readable when `control()` has something, or a path's MTU shrank.
    int control_fd() const noexcept { return control_event_.get(); }
    ControlRing& control() noexcept { return control_; }
    /// True once after packets of this slot were too big for their path.
    bool take_path_mtu_event(unsigned slot) noexcept { return too_big_[slot].exchange(false); }
    /// Whether the thread is at datagrams that it took from a socket. What it took before is counted, or in
    /// `control()`.
    bool reading() const noexcept { return reading_.load(); }
    /// Hands a packet to the kernel as if it had come out of the tunnel. Agent's thread.
    void deliver(wire::ByteView packet) const;

    const UplinkCounters& counters(unsigned slot) const noexcept { return counters_[slot]; }
    /// Packets of redundant rules that left once, for the other uplink's socket took no more.
    std::uint64_t copies_lost() const noexcept { return copies_lost_.load(std::memory_order_relaxed); }
    std::uint64_t drops(Drop drop) const noexcept {
        return drops_[static_cast<std::size_t>(drop)].load(std::memory_order_relaxed);
    }

    void start();
    void stop();

  private:
    static constexpr std::size_t kScratch = sizeof(OffloadHeader) + 65536;  ///< the largest read from the TUN
    static constexpr std::size_t kSmallestPacket = 20;
    struct Command {
        unsigned slot = 0;
        bool socket_change = false, plain_socket_change = false;
        UniqueFd socket;
        std::shared_ptr<const policy::Table> table;
    };

    /// The slots by which a packet leaves, or kMaxSlots; `second`: of policy::Mode::redundant.
    struct Ways {
        unsigned first = kMaxSlots, second = kMaxSlots;
    };

    void run();
    void command(Command command);
    void take_commands();
    void replace_socket(Command& command);
    void replace_plain_socket(Command& command);
    void listen_to(UniqueFd& socket, UniqueFd next, Source source, unsigned slot);
    bool leaves_plainly(unsigned slot) const noexcept;
    int way_out(unsigned slot) const noexcept;

    void read_queue(unsigned queue);
    void stage(unsigned queue, std::size_t size);
    void put(SendBatch& batch, SendBatch* second, std::uint8_t tos) noexcept;
    Ways ways_of(wire::ByteView packet) noexcept;
    unsigned choose(wire::ByteView packet, unsigned except) noexcept;
    unsigned usable_of(const policy::Choice& choice, const policy::FlowKey& flow, unsigned except) const noexcept;
    SendBatch* with_room(unsigned slot);
    void flush(unsigned slot);
    void after_failed_send(unsigned slot, int error);
    void send_elsewhere(unsigned slot);
    bool send_first(unsigned slot, unsigned other) noexcept;
    void block(unsigned slot, bool blocked);

    void read_socket(int socket, std::uint8_t slot);
    void read_plain_socket(int socket, std::uint8_t slot);
    void receive(std::uint8_t slot, Packet datagram, std::uint8_t outer_tos);
    void receive_inner(std::uint8_t slot, Packet packet, std::uint8_t outer_tos, std::uint16_t number);
    void count_received(std::uint8_t slot, std::size_t size) noexcept;
    void pass_on(Packet packet) noexcept;
    bool comes_twice(wire::ByteView packet) const noexcept;
    bool has_to_wait(Packet packet, std::uint8_t slot, std::uint16_t number) noexcept;
    void release_held();
    int patience() const noexcept;
    void write_trains(unsigned slot) noexcept;
    void drop(Drop reason) noexcept { add(drops_[static_cast<std::size_t>(reason)], 1); }

    const TunDevice& tun_;
    const LoopSettings settings_;
    std::array<std::uint8_t, 256> slot_of_label_{};

    // The agent's thread writes, the tunnel's reads.
    std::array<std::atomic<bool>, kMaxSlots> usable_{}, plain_{};
    std::atomic<std::uint32_t> home_address_{0};
    std::atomic<std::uint16_t> max_mss_{0};
    std::atomic<bool> numbered_{false};
    HoldQueue::RoundTrips round_trips_{};
    std::mutex commands_mutex_;
    std::vector<Command> commands_;  // under commands_mutex_
    std::atomic<bool> stopping_{false};

    // The tunnel's thread writes, anybody reads.
    std::array<UplinkCounters, kMaxSlots> counters_{};
    std::atomic<std::uint64_t> copies_lost_{0};
    std::array<std::atomic<std::uint64_t>, kDrops> drops_{};
    std::array<std::atomic<bool>, kMaxSlots> too_big_{};
    std::atomic<bool> reading_{false};
    ControlRing control_;

    // The tunnel's thread alone.
    std::array<UniqueFd, kMaxSlots> sockets_, plain_sockets_;
    std::shared_ptr<const policy::Table> table_;
    FragmentCache fragments_;
    std::array<std::unique_ptr<SendBatch>, kMaxSlots> batches_;
    Segmenter segmenter_;
    ReceiveBatch receive_;
    numbering::Counter numbers_up_;          ///< of what leaves twice
    std::unique_ptr<numbering::Seen> seen_;  ///< null: nothing has a number
    std::unique_ptr<HoldQueue> hold_;        ///< null: nothing waits
    HoldQueue::Time now_us_ = 0;             ///< of the datagrams just read
    Coalescer coalescer_;
    std::unique_ptr<std::uint8_t[]> scratch_;

    UniqueFd epoll_;
    UniqueFd command_event_;
    UniqueFd control_event_;
    std::thread thread_;
};

}  // namespace homeward::tunnel
