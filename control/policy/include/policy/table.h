#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "policy/rule.h"
#include "result/result.h"

namespace homeward::policy {

/// How many candidates one prefix may carry: rules with a protocol or port condition that overlap there, and the
/// unconditional one that ends the list. The limit keeps the BPF program's loop bounded.
inline constexpr std::size_t kMaxCandidates = 8;

/// `rule` of a Candidate that stands for Policy::fallback.
inline constexpr std::uint32_t kFallbackRule = 0xffffffff;

/// One possible answer at a prefix; the first whose protocol and ports fit is the answer.
struct Candidate {
    std::uint32_t rule = kFallbackRule;  ///< index into Policy::rules
    PortRange ports;
    std::uint8_t protocol = kAnyProtocol;
    LabelList uplinks;
};

/// A prefix and the complete list of candidates for addresses whose longest match it is: rules of enclosing prefixes
/// are merged in by rule order, and the list ends at the first unconditional one (at the latest the fallback).
struct Entry {
    wire::Ipv4Prefix prefix;
    std::vector<Candidate> candidates;  ///< 1–kMaxCandidates, the last one unconditional
};

/// A Policy compiled for lookup: immutable, gives for every flow the same answer as walking the ordered list.
/// `lookup` neither allocates nor locks and may be called from several threads at once.
///
/// Theory of operation. Prefixes nest or are disjoint, so they cut the addresses into at most 2n + 1 intervals, each
/// with one list of candidates: the rules of the innermost prefix and of those around it, merged by rule order and
/// ended by the first unconditional one. Candidates that an earlier one covers are left out. An address finds its
/// interval through a radix index whose nodes are as wide as the number of intervals below them asks for: a crowded
/// /16 gets a fine index, an empty one is a single slot. Eight intervals fit a cache line and are searched as they
/// are. With 100,000 scattered rules a lookup thus reads a slot, a line of
/// intervals and the candidate; with a dense block of hosts two slots and the candidate. A table of a few rules has no
/// index at all.
class Table {
  public:
    /// Fails when more than kMaxCandidates candidates would be needed at one prefix; the text names it and the rules.
    static Result<Table> compile(const Policy& policy);

    /// The candidate that decides for `flow`. Never null; alive as long as the table.
    const Candidate& lookup(const FlowKey& flow) const noexcept;

    /// A lookup in four steps, for who has many to do: each asks for the line that the next one reads, so that the
    /// cache misses of a burst overlap. `begin`, `descend`, `settle`, then `decide` is `lookup`.
    class Cursor;
    Cursor begin(wire::Ipv4Address correspondent) const noexcept;
    void descend(Cursor& cursor) const noexcept;
    void settle(Cursor& cursor) const noexcept;
    const Candidate& decide(const Cursor& cursor, const FlowKey& flow) const noexcept;

    /// Whether `flow`, whose port is not known, may get another answer once it is.
    bool asks_for_port(const FlowKey& flow) const noexcept;

    /// Every distinct prefix (0.0.0.0/0 always among them) in address order, for a longest-prefix map.
    std::vector<Entry> entries() const;
    std::size_t memory_bytes() const noexcept;

  private:
    friend class TableBuilder;

    /// A stretch of addresses, up to the next one's `first`, that share one candidate list.
    struct Interval {
        std::uint32_t first;
        std::uint32_t list;
    };
    /// Where the search goes on. `bits` > 0: `at` is the first of 1 << bits slots, chosen by the address bits above
    /// `shift`. `bits` == 0: the interval is one of `count` from `at` on.
    struct Slot {
        std::uint32_t at = 0;
        std::uint8_t bits = 0;
        std::uint8_t shift = 0;
        std::uint16_t count = 1;
    };
    /// Half a cache line, so that the first candidate of a list never takes two.
    struct alignas(32) Held {
        Candidate candidate;
    };
    struct PrefixList {
        wire::Ipv4Prefix prefix;
        std::uint32_t list;
    };

    std::uint32_t block_ = 0;      ///< first address of the aligned block that all boundaries lie in
    std::uint8_t block_bits_ = 0;  ///< its size, as a power of two
    std::array<Slot, 2> outside_;  ///< of the addresses below and above the block
    Slot root_;
    std::vector<Slot> slots_;
    std::vector<Interval> intervals_;
    std::vector<Held> candidates_;  ///< lists one behind the other; each ends with an unconditional candidate
    std::vector<PrefixList> prefixes_;
};

/// Where a lookup stands. Belongs to the table that began it.
class Table::Cursor {
  public:
    Cursor() = default;

  private:
    friend class Table;

    Cursor(std::uint32_t address, const Slot* slot) : address_(address), slot_(slot) {}

    std::uint32_t address_ = 0;
    std::uint32_t list_ = 0;  ///< after settle
    const Slot* slot_ = nullptr;
};

}  // namespace homeward::policy
