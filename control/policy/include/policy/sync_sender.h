#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "policy/sync_message.h"

namespace homeward::policy {

/// The node's end of the synchronisation: brings the home agent to the node's table.
///
/// Theory of operation. Every request names the node's table by version and digest, every reply names the one in force
/// at the home agent. While they differ, requests also carry pieces of a transfer: a delta if the home agent's table
/// is one that this node had lately, else the whole table. A delta that fits one message is thus in force after one
/// round trip. Up to a window of pieces is in flight; every reply says which are held. The window opens and
/// halves as TCP's does (start 16; a piece is lost when three sent after it are held, or on a timeout), so that the
/// transfer takes its share of the uplink, whose rate nobody knows. A new table abandons the transfer of the old one;
/// a home agent that restarted and forgot its pieces gets them again; one that has the digest from
/// elsewhere says so and gets nothing.
class SyncSender {
  public:
    struct Counters {
        std::uint64_t transfers = 0;  ///< begun
        std::uint64_t deltas = 0;     ///< of these
        std::uint64_t chunks = 0;     ///< sent, repetitions included
        std::uint64_t repeated = 0;
        std::uint64_t bytes = 0;  ///< of payload, with the state that every request carries
        std::uint64_t replies_malformed = 0;
    };

    /// The node's table from now on. The tables of the last calls are kept as bases of deltas.
    void set(std::shared_ptr<const Policy> policy, Generation generation);

    /// The payload of a registration request that is about to be sent, at most `capacity` bytes (at least
    /// kSyncChunkOverhead + 64): generation and digest, and a piece of the transfer when one is due.
    wire::Bytes request(std::size_t capacity, Time now);
    /// Generation and digest alone: for a request that carries the table as RFC 7629 flow bindings, or deregisters.
    wire::Bytes state() const;
    /// The payload of an authenticated reply; false: malformed, nothing changed.
    bool reply(wire::ByteView payload, Time now);

    /// True when a registration should be sent for the transfer's sake: ask after every call above and at
    /// `next_deadline`, and send until it is false. Ask only while a binding is registered: without one, the next
    /// ordinary registration carries what is due.
    bool due(Time now) const;
    std::optional<Time> next_deadline() const;

    bool synchronised() const;
    /// The home agent will not take this table; a new one is tried again.
    bool refused() const { return refused_; }
    /// What the last reply said is in force there; nullopt: no reply yet.
    const std::optional<Generation>& peer() const { return peer_; }
    /// Pieces held by the home agent, of how many; {0, 0} when nothing is under way.
    std::pair<std::uint32_t, std::uint32_t> progress() const;
    const Counters& counters() const { return counters_; }

  private:
    struct Table {
        std::shared_ptr<const Policy> policy;
        Digest digest{};
    };
    struct Piece {
        bool held = false;
        bool in_flight = false;
        std::uint64_t sequence = 0;  ///< of its last transmission
        Time sent_at{};
    };
    struct Transfer {
        TransferKind kind = TransferKind::full;
        std::uint32_t name = 0;
        std::uint16_t chunk_size = 0;
        wire::Bytes bytes;
        std::vector<Piece> pieces;
        std::uint32_t fresh = 0;  ///< pieces from here on were never sent
        std::uint32_t held = 0;
        std::uint32_t first_missing = 0;      ///< as the last reply said
        std::deque<std::uint32_t> lost;       ///< to be sent again
        std::deque<std::uint32_t> in_flight;  ///< oldest transmission first
        std::optional<std::uint16_t> assembly;
        Time last_event{};
    };

    bool wants_transfer() const;
    void plan(std::size_t capacity, Time now);
    bool plan_delta(std::size_t chunk_size);
    void begin(TransferKind kind, wire::Bytes bytes, std::size_t chunk_size, Time now);
    std::optional<Chunk> next_piece(Time now);
    void time_out(Time now);
    void take_progress(const Progress& progress, Time now);
    void take_refusal(Answer answer, Time now);
    void mark_held(std::uint32_t index);
    void take_serial(std::uint16_t serial, Time now);
    void find_losses();
    void forget_held();
    void retry_later(Time now);
    bool window_open() const;
    bool all_held() const;
    Time timeout_at() const;

    std::deque<Table> tables_;  ///< newest, which is the one to bring over, first
    Generation generation_;
    std::optional<Generation> peer_;
    std::optional<Transfer> transfer_;
    bool whole_only_ = false;  ///< a delta failed for this table
    bool refused_ = false;
    unsigned attempts_ = 0;
    Time not_before_{};

    double window_ = 16;
    double threshold_ = 512;
    std::uint64_t sequence_ = 0;
    std::uint64_t highest_answered_ = 0;
    std::uint64_t recovered_at_ = 0;  ///< losses of earlier transmissions do not halve the window again
    std::optional<Time> round_trip_;
    Time variation_{};
    unsigned timeouts_ = 0;  ///< in a row
    Counters counters_;
};

}  // namespace homeward::policy
