#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "policy/choice.h"
#include "policy/line.h"
#include "policy/parts.h"
#include "policy/rule.h"
#include "result/result.h"

namespace homeward::policy {

/// The first choices for four addresses.
using Leads = std::array<Lead, 4>;

/// A Policy compiled for lookup: immutable, gives for every flow the same answer as walking the ordered list.
/// `lookup` neither allocates nor locks and may be called from several threads at once.
///
/// Theory of operation. Prefixes nest or are disjoint, so they cut the addresses into at most 2n + 1 intervals, each
/// with one list of candidates: the rules of the innermost prefix and of those around it, merged by rule order and
/// ended by the first unconditional one. Candidates that an earlier one covers are left out. Eight intervals fit a
/// cache line and are searched as they are. The addresses that the rules tell apart are cut into equal parts. Where few
/// parts do, each with the intervals of one line, the table is flat: a lookup reads that line. Else a part has a slot,
/// from which a radix index leads to eight intervals, its nodes as wide as the number of intervals below them asks for:
/// a crowded /16 gets a fine one, an empty one is a single slot. With 100,000 scattered rules a lookup thus reads a
/// slot and eight intervals; with a dense block of hosts two slots. Rules by the thousand have few different choices;
/// each is kept once, apart from the candidates that name their rules, so that the choices of a large table stay in the
/// first-level cache. An interval has the preferred uplink in it, which most packets take: only for the others the
/// choice is read.
///
/// Four addresses are looked up side by side: what is the same for each is done once, and nobody waits for another.
class Table {
  public:
    /// Fails when more than kMaxCandidates candidates would be needed at one prefix, and names it and the rules; or
    /// more than Lead::kMostChoices choices.
    static Result<Table> compile(const Policy& policy);

    /// The candidate that decides for `flow`. Never null; alive as long as the table.
    const Candidate& lookup(const FlowKey& flow) const noexcept;

    /// `lookup` without the rule, and faster: the first choice for `correspondent`. It decides when it is
    /// unconditional; else see `decide`.
    Lead first(wire::Ipv4Address correspondent) const noexcept;
    const Choice& choice(Lead first) const noexcept { return choices_[first.choice()].choice; }
    /// The choice that decides, of those that begin with `first`.
    static const Choice& decide(const Choice& first, const FlowKey& flow) noexcept;

    /// `first` of four addresses.
    Leads firsts(Four correspondents) const noexcept;
    /// Whether `firsts` reads nothing but a line for each.
    bool flat() const noexcept { return flat_; }
    /// `firsts` in three steps, for who has many to do in a table that is not flat: each asks for the line that the
    /// next one reads, so that the cache misses of a burst overlap.
    struct Search;
    void begin(Four correspondents, Search& search) const noexcept;
    void descend(Search& search) const noexcept;
    Leads settle(const Search& search) const noexcept;
    /// The same of one of the four, where each has a table of its own.
    void begin(wire::Ipv4Address correspondent, Search& search, std::size_t which) const noexcept;
    void descend(Search& search, std::size_t which) const noexcept;
    Lead settle(const Search& search, std::size_t which) const noexcept;

    /// What Mode::spread_by_rate goes by.
    const Rates& rates() const noexcept { return rates_; }
    void set_rates(const Rates& rates) noexcept { rates_ = rates; }

    /// Whether `flow`, whose port is not known, may get another answer once it is.
    bool asks_for_port(const FlowKey& flow) const noexcept;

    /// Every distinct prefix (0.0.0.0/0 always among them) in address order, for a longest-prefix map.
    std::vector<Entry> entries() const;
    std::size_t memory_bytes() const noexcept;

  private:
    friend class TableBuilder;

    static constexpr unsigned kMostPartBits =
        6;  ///< of a flat table: its lines have their place in a first-level cache

    /// Where the search goes on, in a word: a large index is to stay in the caches.
    class Slot {
      public:
        Slot() = default;
        /// Eight intervals from number `at` < 2^31 on.
        explicit Slot(std::uint32_t at) noexcept : word_(at) {}
        /// 1 << bits ≥ 16 slots from number `at` on, a multiple of 16, chosen by the address bits above `shift`.
        Slot(std::uint32_t at, unsigned bits, unsigned shift) noexcept
            : word_(kNode | (bits - 1) << 27 | shift << 22 | at / 16) {}

        bool is_leaf() const noexcept { return word_ < kNode; }
        std::uint32_t intervals() const noexcept { return word_; }
        /// The number of the next slot for an address. No bit above the parts' choice counts.
        std::uint32_t next(std::uint32_t address) const noexcept {
            const std::uint32_t chosen = address >> (word_ >> 22 & 0x1f) & ((2U << (word_ >> 27 & 0xf)) - 1);
            return (word_ & 0x3fffff) * 16 + chosen;
        }

      private:
        static constexpr std::uint32_t kNode = 1U << 31;

        std::uint32_t word_ = 0;
    };
    /// Half a cache line, so that none takes two.
    struct alignas(32) Held {
        Choice choice;
    };
    static_assert(sizeof(Held) == 32);

    static Four ordered(Four addresses) noexcept { return addresses ^ (Four{} + 0x80000000U); }
    static std::uint32_t leaf_below(const Slot* slots, std::uint32_t slot, std::uint32_t address) noexcept;
    static void expect(const Interval* intervals) noexcept;
    std::size_t place_of(std::int32_t address) const noexcept;

    Parts parts_;                        ///< each part's number is its line's where the table is flat, else its slot's
    std::vector<Line> lines_;            ///< of a flat table
    std::vector<Slot> slots_;            ///< of another one
    std::vector<Interval> intervals_;    ///< of that, too
    std::vector<Held> choices_;          ///< lists one behind the other; each ends with an unconditional choice
    std::vector<std::uint32_t> lists_;   ///< of each interval, or of each place of a line: its list's first candidate
    std::vector<Candidate> candidates_;  ///< lists as in choices_
    std::vector<PrefixList> prefixes_;
    bool flat_ = true;
    Rates rates_;
};

/// Where the search for four addresses stands. Belongs to the table, or the tables, that began it.
struct Table::Search {
    alignas(16) std::array<std::uint32_t, 4> addresses{};  ///< in_order
    std::array<std::uint32_t, 4> at{};                     ///< slots; from `descend` on the first of eight intervals
};

/// The first of eight intervals. `address` may as well be in_order: its first bit has chosen the part.
[[gnu::always_inline]] inline std::uint32_t Table::leaf_below(const Slot* slots, std::uint32_t slot,
                                                              std::uint32_t address) noexcept {
    while (!slots[slot].is_leaf())
        [[unlikely]] {
            slot = slots[slot].next(address);
        }
    return slots[slot].intervals();
}

[[gnu::always_inline]] inline Lead Table::first(wire::Ipv4Address correspondent) const noexcept {
    const std::int32_t address = in_order(correspondent.host());
    const std::uint32_t part = parts_.number_of(address);
    if (flat_) [[likely]] {
        return lead_in(lines_[part], wanted(address));
    }
    return lead_in(&intervals_[leaf_below(slots_.data(), part, static_cast<std::uint32_t>(address))], wanted(address));
}

[[gnu::always_inline]] inline Leads Table::firsts(Four correspondents) const noexcept {
    const Four addresses = ordered(correspondents);
    const Four at = parts_.numbers_of(addresses);
    if (!flat_) [[unlikely]] {
        return {first(wire::Ipv4Address{correspondents[0]}), first(wire::Ipv4Address{correspondents[1]}),
                first(wire::Ipv4Address{correspondents[2]}), first(wire::Ipv4Address{correspondents[3]})};
    }
    const Line* lines = lines_.data();
    return {lead_in(lines[at[0]], wanted_of<0>(addresses)), lead_in(lines[at[1]], wanted_of<1>(addresses)),
            lead_in(lines[at[2]], wanted_of<2>(addresses)), lead_in(lines[at[3]], wanted_of<3>(addresses))};
}

[[gnu::always_inline]] inline void Table::begin(Four correspondents, Search& search) const noexcept {
    const Four addresses = ordered(correspondents);
    const Four at = parts_.numbers_of(addresses);
    static_assert(sizeof at == sizeof search.at && sizeof addresses == sizeof search.addresses);
    std::memcpy(search.addresses.data(), &addresses, sizeof addresses);
    std::memcpy(search.at.data(), &at, sizeof at);
    const Slot* slots = slots_.data();
    for (int i = 0; i < 4; ++i) {
        __builtin_prefetch(slots + at[i]);
    }
}

/// Eight intervals, which begin anywhere in a line.
[[gnu::always_inline]] inline void Table::expect(const Interval* intervals) noexcept {
    __builtin_prefetch(intervals);
    __builtin_prefetch(intervals + kStretches - 1);
}

[[gnu::always_inline]] inline void Table::descend(Search& search) const noexcept {
    const Slot* slots = slots_.data();
    const Interval* intervals = intervals_.data();
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
        search.at[i] = leaf_below(slots, search.at[i], search.addresses[i]);
        expect(intervals + search.at[i]);
    }
}

[[gnu::always_inline]] inline Leads Table::settle(const Search& search) const noexcept {
    const Interval* intervals = intervals_.data();
    Four addresses;
    std::memcpy(&addresses, search.addresses.data(), sizeof addresses);
    return {lead_in(intervals + search.at[0], wanted_of<0>(addresses)),
            lead_in(intervals + search.at[1], wanted_of<1>(addresses)),
            lead_in(intervals + search.at[2], wanted_of<2>(addresses)),
            lead_in(intervals + search.at[3], wanted_of<3>(addresses))};
}

[[gnu::always_inline]] inline void Table::begin(wire::Ipv4Address correspondent, Search& search,
                                                std::size_t which) const noexcept {
    const std::int32_t address = in_order(correspondent.host());
    search.addresses[which] = static_cast<std::uint32_t>(address);
    search.at[which] = parts_.number_of(address);
    __builtin_prefetch(&slots_[search.at[which]]);
}

[[gnu::always_inline]] inline void Table::descend(Search& search, std::size_t which) const noexcept {
    search.at[which] = leaf_below(slots_.data(), search.at[which], search.addresses[which]);
    expect(&intervals_[search.at[which]]);
}

[[gnu::always_inline]] inline Lead Table::settle(const Search& search, std::size_t which) const noexcept {
    return lead_in(&intervals_[search.at[which]], wanted(static_cast<std::int32_t>(search.addresses[which])));
}

inline const Choice& Table::decide(const Choice& first, const FlowKey& flow) noexcept {
    const auto* held = reinterpret_cast<const Held*>(&first);  // a list's choices lie one behind the other
    while (!held->choice.fits(flow)) {
        ++held;
    }
    return held->choice;
}

}  // namespace homeward::policy
