#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "policy/parts.h"
#include "policy/rule.h"
#include "result/result.h"

namespace homeward::policy {

/// How many candidates one prefix may carry: rules with a protocol or port condition that overlap there, and the
/// unconditional one that ends the list. The limit keeps the BPF program's loop bounded.
inline constexpr std::size_t kMaxCandidates = 8;

/// `rule` of a Candidate that stands for Policy::fallback.
inline constexpr std::uint32_t kFallbackRule = 0xffffffff;

/// What a packet is judged by: for which flows at a prefix, and by which uplinks.
struct Choice {
    PortRange ports;
    std::uint8_t protocol = kAnyProtocol;
    LabelList uplinks;
    Mode mode = Mode::prefer;
    Label preferred = 0;  ///< the first of `uplinks`, if all packets try it first; else 0: look at the rest of this
    Weights weights{};

    constexpr bool unconditional() const noexcept { return protocol == kAnyProtocol && ports.any(); }
    constexpr bool fits(const FlowKey& flow) const noexcept {
        return (protocol == kAnyProtocol || protocol == flow.protocol) &&
               (ports.any() || (flow.has_port && ports.contains(flow.port)));
    }
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the generated comparison with 0 for a pointer's
    friend constexpr auto operator<=>(const Choice&, const Choice&) noexcept = default;
};

/// One possible answer at a prefix, and whose it is; the first that fits decides.
struct Candidate : Choice {
    std::uint32_t rule = kFallbackRule;  ///< index into Policy::rules
};

/// A prefix and the complete list of candidates for addresses whose longest match it is: rules of enclosing prefixes
/// are merged in by rule order, and the list ends at the first unconditional one (at the latest the fallback).
struct Entry {
    wire::Ipv4Prefix prefix;
    std::vector<Candidate> candidates;  ///< 1–kMaxCandidates, the last one unconditional
};

/// What nearly all packets need of the first choice for an address, and where the choice itself is.
///
/// The bits of `kUplink` are what a table of uplinks has for the one to take, when that is up: its name, kUp and
/// kPresent. Without a preferred uplink they are what it has for none: kUp alone. So one comparison decides. The other
/// bits number the choice.
class Lead {
  public:
    static constexpr std::uint32_t kMostChoices = 1U << 22;
    static constexpr std::uint32_t kUp = 1, kPresent = 2;
    static constexpr unsigned kNameShift = 8;
    static constexpr std::uint32_t kUplink = 0xffU << kNameShift | kPresent | kUp;

    constexpr Lead() = default;
    constexpr Lead(std::uint32_t choice, Label preferred) noexcept
        : bits_((choice >> 6) << 16 | std::uint32_t{preferred} << kNameShift | (choice & 0x3f) << 2 |
                (preferred != 0 ? kPresent : 0) | kUp) {}

    constexpr std::uint32_t bits() const noexcept { return bits_; }
    /// Choice::preferred.
    constexpr Label preferred() const noexcept { return static_cast<Label>(bits_ >> kNameShift); }
    constexpr std::uint32_t choice() const noexcept { return bits_ >> 16 << 6 | (bits_ >> 2 & 0x3f); }

  private:
    std::uint32_t bits_ = kUp;
};

/// A Policy compiled for lookup: immutable, gives for every flow the same answer as walking the ordered list.
/// `lookup` neither allocates nor locks and may be called from several threads at once.
///
/// Theory of operation. Prefixes nest or are disjoint, so they cut the addresses into at most 2n + 1 intervals, each
/// with one list of candidates: the rules of the innermost prefix and of those around it, merged by rule order and
/// ended by the first unconditional one. Candidates that an earlier one covers are left out. An address finds its
/// interval through a radix index whose nodes are as wide as the number of intervals below them asks for: a crowded
/// /16 gets a fine index, an empty one is a single slot. Eight intervals fit a cache line and are searched as they
/// are. Rules by the thousand have few different choices; each is kept once, apart from the candidates that name their
/// rules, so that the choices of a large table stay in the first-level cache. With 100,000 scattered rules a lookup
/// thus reads a slot and a line of intervals; with a dense block of hosts two slots. The addresses that a few rules
/// tell apart are cut into equal parts of a line each, and a lookup is one line. An interval has the preferred uplink
/// in it, which most packets take: only for the others the choice is read.
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

    /// `first` in three steps, for who has many to do in a table that is not `small()`: each asks for the line that the
    /// next one reads, so that the cache misses of a burst overlap.
    class Cursor;
    Cursor begin(wire::Ipv4Address correspondent) const noexcept;
    void descend(Cursor& cursor) const noexcept;
    static Lead settle(const Cursor& cursor) noexcept;
    /// `first` of a table that is in lines; of another one, what `search()` gives.
    template <class Search>
    Lead first_or(wire::Ipv4Address correspondent, const Search& search) const noexcept;
    /// `first` of four addresses side by side, of a table that is in lines. False: it is not, and `leads` is as it was.
    bool firsts(Four correspondents, std::array<Lead, 4>& leads) const noexcept;
    /// `first` by the index, without a look at the lines.
    Lead search(wire::Ipv4Address correspondent) const noexcept;
    /// Whether all that `first` reads has its place in a first-level cache.
    bool small() const noexcept { return small_; }
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

    /// One cache line of them.
    static constexpr std::size_t kLeafIntervals = 8;
    static constexpr std::size_t kSmallIntervals = 128;
    static constexpr unsigned kMostPartBits = 6;

    /// A stretch of addresses, behind the one before it, that share one candidate list (`lists_` has it).
    struct Interval {
        std::int32_t last;  ///< in_order
        Lead lead;          ///< of the list's choices
    };
    /// Where the search goes on. `bits` > 0: `at` is the first of 1 << bits slots, chosen by the address bits above
    /// `shift`. `bits` == 0: the interval is one of kLeafIntervals from `at` on.
    struct Slot {
        std::uint32_t at = 0;
        std::uint8_t bits = 0;
        std::uint8_t shift = 0;
    };
    /// The intervals of a part of a small table's addresses.
    struct alignas(64) Line {
        std::array<std::int32_t, kLeafIntervals> last;  ///< as in Interval; the last address where there is none
        std::array<Lead, kLeafIntervals> lead;
    };
    /// Half a cache line, so that none takes two.
    struct alignas(32) Held {
        Choice choice;
    };
    static_assert(sizeof(Held) == 32);
    struct PrefixList {
        wire::Ipv4Prefix prefix;
        std::uint32_t list;
    };

    static Lead lead_in(const Line& line, std::uint32_t address) noexcept;
    template <int kWhich>
    static Lead lead_in(const Line& line, Four in_order) noexcept;
    const Slot* root_of(std::uint32_t address) const noexcept;
    const Slot* leaf_below(const Slot* slot, std::uint32_t address) const noexcept;
    std::size_t interval_of(const Slot& leaf, std::uint32_t address) const noexcept;
    template <class Last>
    static unsigned passed(const Last* lasts, std::uint32_t address) noexcept;
#if defined(__SSE2__)
    template <class Last>
    static unsigned passed(const Last* lasts, __m128i in_order) noexcept;
    static __m128i four(const Interval* lasts) noexcept;
    static __m128i four(const std::int32_t* lasts) noexcept;
#else
    static std::int32_t last_of(const Interval& interval) noexcept {
        return interval.last;
    }
    static std::int32_t last_of(std::int32_t last) noexcept {
        return last;
    }
#endif

    Parts parts_;                   ///< lines_[0, parts_.count) are theirs, the last two of what is below and above
    std::uint64_t root_slots_ = 0;  ///< slots_[0, root_slots_) are the block's
    std::vector<Line> lines_;
    std::vector<Slot> slots_;
    std::vector<Interval> intervals_;
    std::vector<Held> choices_;          ///< lists one behind the other; each ends with an unconditional choice
    std::vector<std::uint32_t> lists_;   ///< of each interval: its list's first candidate
    std::vector<Candidate> candidates_;  ///< lists as in choices_
    std::vector<PrefixList> prefixes_;
    std::uint32_t block_ = 0;      ///< first address of the aligned block that all boundaries lie in
    std::array<Slot, 2> outside_;  ///< of the addresses below and above the block
    std::uint8_t root_shift_ = 0;  ///< address bits below the choice of a root slot
    bool small_ = true;            ///< at most kSmallIntervals
    Rates rates_;
};

/// Where a lookup stands. Belongs to the table that began it.
class Table::Cursor {
  public:
    Cursor() = default;

  private:
    friend class Table;

    Cursor(std::uint32_t address, const Slot* slot) : address_(address), at_(slot) {}

    std::uint32_t address_ = 0;
    const void* at_ = nullptr;  ///< a Slot; from `descend` on the first Interval of its leaf
};

#if defined(__SSE2__)
[[gnu::always_inline]] inline __m128i Table::four(const Interval* lasts) noexcept {
    const __m128 low = _mm_loadu_ps(reinterpret_cast<const float*>(lasts));
    const __m128 high = _mm_loadu_ps(reinterpret_cast<const float*>(lasts + 2));
    return _mm_castps_si128(_mm_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0)));
}

[[gnu::always_inline]] inline __m128i Table::four(const std::int32_t* lasts) noexcept {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(lasts));
}

/// `in_order`: an address, four times.
template <class Last>
[[gnu::always_inline]] inline unsigned Table::passed(const Last* lasts, __m128i in_order) noexcept {
    const auto twice = static_cast<unsigned>(_mm_movemask_epi8(
        _mm_packs_epi32(_mm_cmpgt_epi32(in_order, four(lasts)), _mm_cmpgt_epi32(in_order, four(lasts + 4)))));
#if defined(__POPCNT__)
    return static_cast<unsigned>(std::popcount(twice)) / 2;
#else
    return static_cast<unsigned>(std::countr_one(twice)) / 2;
#endif
}
#endif

/// How many of eight intervals, in order, end before `address`. Looks at all eight, whatever their count: a search that
/// ends where it finds costs more in mispredicted branches.
template <class Last>
[[gnu::always_inline]] inline unsigned Table::passed(const Last* lasts, std::uint32_t address) noexcept {
#if defined(__SSE2__)
    return passed(lasts, _mm_set1_epi32(in_order(address)));
#else
    unsigned count = 0;
    for (std::size_t i = 0; i < kLeafIntervals; ++i) {
        count += in_order(address) > last_of(lasts[i]) ? 1U : 0U;
    }
    return count;
#endif
}

[[gnu::always_inline]] inline Lead Table::lead_in(const Line& line, std::uint32_t address) noexcept {
    return line.lead[passed(line.last.data(), address)];
}

template <class Search>
[[gnu::always_inline]] inline Lead Table::first_or(wire::Ipv4Address correspondent,
                                                   const Search& search) const noexcept {
    if (parts_.count[0] == 0) [[unlikely]] {
        return search();
    }
    const std::uint32_t address = correspondent.host();
    return lead_in(lines_[parts_.line_of(static_cast<std::uint32_t>(in_order(address)))], address);
}

template <int kWhich>
[[gnu::always_inline]] inline Lead Table::lead_in(const Line& line, Four in_order) noexcept {
#if defined(__SSE2__)
    return line.lead[passed(line.last.data(), _mm_shuffle_epi32(reinterpret_cast<__m128i>(in_order), kWhich * 0x55))];
#else
    return lead_in(line, in_order[kWhich] ^ 0x80000000U);
#endif
}

[[gnu::always_inline]] inline bool Table::firsts(Four correspondents, std::array<Lead, 4>& leads) const noexcept {
    if (parts_.count[0] == 0) [[unlikely]] {
        return false;
    }
    const Four ordered = correspondents ^ (Four{} + 0x80000000U);
    const Four at = parts_.lines_of(ordered);
    const Line* lines = lines_.data();
    leads = {lead_in<0>(lines[at[0]], ordered), lead_in<1>(lines[at[1]], ordered), lead_in<2>(lines[at[2]], ordered),
             lead_in<3>(lines[at[3]], ordered)};
    return true;
}

[[gnu::always_inline]] inline const Table::Slot* Table::root_of(std::uint32_t address) const noexcept {
    const std::uint64_t chosen = std::uint64_t{address ^ block_} >> root_shift_;
    if (chosen >= root_slots_) [[unlikely]] {
        return &outside_[address < block_ ? 0 : 1];
    }
    return &slots_[chosen];
}

[[gnu::always_inline]] inline const Table::Slot* Table::leaf_below(const Slot* slot,
                                                                   std::uint32_t address) const noexcept {
    while (slot->bits != 0) {
        slot = &slots_[slot->at + (address >> slot->shift & ((std::uint32_t{1} << slot->bits) - 1))];
    }
    return slot;
}

/// The interval of the leaf that `address` is in. Those behind the leaf's own end behind `address`, too.
[[gnu::always_inline]] inline std::size_t Table::interval_of(const Slot& leaf, std::uint32_t address) const noexcept {
    return leaf.at + passed(&intervals_[leaf.at], address);
}

[[gnu::always_inline]] inline Table::Cursor Table::begin(wire::Ipv4Address correspondent) const noexcept {
    const Cursor cursor{correspondent.host(), root_of(correspondent.host())};
    __builtin_prefetch(cursor.at_);
    return cursor;
}

[[gnu::always_inline]] inline void Table::descend(Cursor& cursor) const noexcept {
    const Interval* leaf = &intervals_[leaf_below(static_cast<const Slot*>(cursor.at_), cursor.address_)->at];
    __builtin_prefetch(leaf);
    __builtin_prefetch(leaf + kLeafIntervals - 1);  // leaves begin anywhere in a line
    cursor.at_ = leaf;
}

[[gnu::always_inline]] inline Lead Table::settle(const Cursor& cursor) noexcept {
    const auto* leaf = static_cast<const Interval*>(cursor.at_);
    return leaf[passed(leaf, cursor.address_)].lead;
}

[[gnu::always_inline]] inline Lead Table::search(wire::Ipv4Address correspondent) const noexcept {
    const std::uint32_t address = correspondent.host();
    return intervals_[interval_of(*leaf_below(root_of(address), address), address)].lead;
}

[[gnu::always_inline]] inline Lead Table::first(wire::Ipv4Address correspondent) const noexcept {
    return first_or(correspondent, [&] { return search(correspondent); });
}

inline const Choice& Table::decide(const Choice& first, const FlowKey& flow) noexcept {
    const auto* held = reinterpret_cast<const Held*>(&first);  // a list's choices lie one behind the other
    while (!held->choice.fits(flow)) {
        ++held;
    }
    return held->choice;
}

}  // namespace homeward::policy
