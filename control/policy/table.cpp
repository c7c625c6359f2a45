#include "policy/table.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <utility>

#include "sweep.h"

namespace homeward::policy {
namespace {

constexpr unsigned kMinNodeBits = 4;
constexpr unsigned kMaxNodeBits = 16;

}  // namespace

/// Lays a policy's intervals out as lines, and what leads to them.
class TableBuilder {
  public:
    explicit TableBuilder(Intervals found) : found_(std::move(found)), count_(found_.firsts.size()) {}

    Result<Table> build(const Rates& rates) {
        write_leads();
        if (table_.choices_.size() > Lead::kMostChoices) {
            return Error{"the rules need more than 4,194,304 choices: join some of them"};
        }
        find_block();
        unsigned bits = 0;
        while (bits <= Table::kMostPartBits && !lay_flat(bits)) {
            ++bits;
        }
        if (bits > Table::kMostPartBits) {
            lay_index();
        }
        table_.candidates_ = std::move(found_.candidates);
        table_.prefixes_ = std::move(found_.prefixes);
        table_.rates_ = rates;
        shrink();
        return std::move(table_);
    }

  private:
    /// Answers that stand alone, as nearly all do, are kept once.
    std::uint32_t choice_of(std::uint32_t list) {
        auto& choices = table_.choices_;
        const auto next = static_cast<std::uint32_t>(choices.size());
        const Candidate* candidate = &found_.candidates[list];
        if (candidate->unconditional()) {
            const auto [known, fresh] = alone_.try_emplace(*candidate, next);
            if (fresh) {
                choices.push_back({static_cast<const Choice&>(*candidate)});
            }
            return known->second;
        }
        do {
            choices.push_back({static_cast<const Choice&>(*candidate)});
        } while (!candidate++->unconditional());
        return next;
    }

    void write_leads() {
        leads_.reserve(count_);
        for (const std::uint32_t list : found_.lists) {
            leads_.emplace_back(choice_of(list), found_.candidates[list].preferred);
        }
    }

    /// Everything that is to be told apart lies between the second interval's start and the last one's: the block is
    /// the smallest aligned one that holds both.
    void find_block() {
        if (count_ > 1) {
            const std::uint32_t low = found_.firsts[1], high = found_.firsts.back();
            block_bits_ = static_cast<unsigned>(std::bit_width(low ^ high));
            block_ = static_cast<std::uint32_t>(std::uint64_t{low} >> block_bits_ << block_bits_);
        }
    }

    /// Cuts the block into 1 << bits parts of a line each. False: a part has more intervals than a line.
    bool lay_flat(unsigned bits) {
        if (bits > block_bits_) {
            return false;
        }
        table_.lines_.clear();
        table_.lists_.clear();
        const unsigned shift = block_bits_ - bits;
        for (std::uint64_t part = 0; part < std::uint64_t{1} << bits; ++part) {
            const std::uint64_t from = block_ + (part << shift);
            const std::size_t first = begun_at(from) - 1, last = begun_at(from + (std::uint64_t{1} << shift) - 1);
            if (last - first > kStretches) {
                return false;
            }
            add_line(first);
        }
        const auto below = static_cast<std::uint32_t>(table_.lines_.size());
        add_line(0);
        add_line(count_ - 1);
        table_.parts_ = {block_, std::uint32_t{1} << bits, shift, below};
        return true;
    }

    /// Of the intervals from `first` on.
    void add_line(std::size_t first) {
        Line& line = table_.lines_.emplace_back();
        for (std::size_t i = 0; i < kStretches; ++i) {
            const std::size_t number = std::min(first + i, count_ - 1);
            const Interval held = interval(number);
            line.last[i] = held.last;
            line.lead[i] = held.lead;
            table_.lists_.push_back(found_.lists[number]);
        }
    }

    Interval interval(std::size_t number) const {
        const bool is_last = number + 1 == count_;
        return {in_order(is_last ? 0xffffffff : found_.firsts[number + 1] - 1), leads_[number]};
    }

    void lay_index() {
        table_.flat_ = false;
        table_.lines_.clear();
        unsigned shift = 0;
        const unsigned bits = node(block_, block_bits_, begun_at(block_) - 1, count_, shift);
        const auto below = static_cast<std::uint32_t>(table_.slots_.size());
        table_.slots_.emplace_back(0U);
        table_.slots_.emplace_back(static_cast<std::uint32_t>(count_ - 1));
        table_.parts_ = {block_, std::uint32_t{1} << bits, shift, below};
        table_.intervals_.reserve(count_ + kStretches - 1);
        for (std::size_t number = 0; number < count_; ++number) {
            table_.intervals_.push_back(interval(number));
        }
        // A lookup reads eight.
        table_.intervals_.resize(count_ + kStretches - 1, interval(count_ - 1));
        table_.lists_ = std::move(found_.lists);
    }

    /// Indexes the aligned block of 1 << size_bits addresses at `begin`; intervals [first, last) meet it, more than
    /// eight. Returns how many bits choose a slot; `shift`: how many are behind those.
    // NOLINTNEXTLINE(misc-no-recursion): every level takes kMinNodeBits of 32
    unsigned node(std::uint64_t begin, unsigned size_bits, std::size_t first, std::size_t last, unsigned& shift) {
        const auto wanted = static_cast<unsigned>(std::bit_width(last - first - 1));
        const unsigned bits = std::min(size_bits, std::clamp(wanted, kMinNodeBits, kMaxNodeBits));
        shift = size_bits - bits;
        const std::size_t at = table_.slots_.size();
        table_.slots_.resize(at + (std::size_t{1} << bits));
        for (std::size_t i = 0; i < std::size_t{1} << bits; ++i) {
            const std::uint64_t from = begin + (std::uint64_t{i} << shift);
            const std::uint64_t to = from + (std::uint64_t{1} << shift);
            while (first + 1 < last && found_.firsts[first + 1] <= from) {
                ++first;
            }
            std::size_t end = first + 1;
            while (end < last && found_.firsts[end] < to) {
                ++end;
            }
            const Table::Slot slot = slot_for(from, shift, first, end);
            table_.slots_[at + i] = slot;
            first = end - 1;
        }
        return bits;
    }

    // NOLINTNEXTLINE(misc-no-recursion)
    Table::Slot slot_for(std::uint64_t begin, unsigned size_bits, std::size_t first, std::size_t last) {
        if (last - first <= kStretches) {
            return Table::Slot{static_cast<std::uint32_t>(first)};
        }
        const auto at = static_cast<std::uint32_t>(table_.slots_.size());
        unsigned shift = 0;
        const unsigned bits = node(begin, size_bits, first, last, shift);
        return {at, bits, shift};
    }

    /// How many intervals begin at or before `address`.
    std::size_t begun_at(std::uint64_t address) const {
        const auto& firsts = found_.firsts;
        return static_cast<std::size_t>(std::upper_bound(firsts.begin(), firsts.end(), address) - firsts.begin());
    }

    void shrink() {
        table_.slots_.shrink_to_fit();
        table_.lines_.shrink_to_fit();
        table_.intervals_.shrink_to_fit();
        table_.choices_.shrink_to_fit();
        table_.lists_.shrink_to_fit();
        table_.candidates_.shrink_to_fit();
        table_.prefixes_.shrink_to_fit();
    }

    Intervals found_;
    std::size_t count_;                      ///< of them
    std::vector<Lead> leads_;                ///< of each
    std::uint32_t block_ = 0;                ///< first address of the aligned block that all boundaries lie in
    unsigned block_bits_ = 32;               ///< address bits within it
    std::map<Choice, std::uint32_t> alone_;  ///< where they are in choices_
    Table table_;
};

Result<Table> Table::compile(const Policy& policy) {
    auto found = sweep(policy);
    if (!found) {
        return found.error();
    }
    return TableBuilder{*std::move(found)}.build(policy.rates);
}

/// In `lists_`.
std::size_t Table::place_of(std::int32_t address) const noexcept {
    const std::uint32_t part = parts_.number_of(address);
    if (flat_) {
        return part * kStretches + twice_passed(wanted(address), lines_[part]) / 2;
    }
    const std::uint32_t leaf = leaf_below(slots_.data(), part, static_cast<std::uint32_t>(address));
    return leaf + twice_passed(wanted(address), &intervals_[leaf]) / 2;
}

const Candidate& Table::lookup(const FlowKey& flow) const noexcept {
    const Candidate* candidate = &candidates_[lists_[place_of(in_order(flow.correspondent.host()))]];
    while (!candidate->fits(flow)) {
        ++candidate;
    }
    return *candidate;
}

bool Table::asks_for_port(const FlowKey& flow) const noexcept {
    const auto* held = reinterpret_cast<const Held*>(&choice(first(flow.correspondent)));
    while (held->choice.protocol != kAnyProtocol && held->choice.protocol != flow.protocol) {
        ++held;
    }
    return !held->choice.ports.any() || spreads(held->choice.mode);
}

std::vector<Entry> Table::entries() const {
    std::vector<Entry> entries;
    entries.reserve(prefixes_.size());
    for (const PrefixList& held : prefixes_) {
        Entry& entry = entries.emplace_back(Entry{held.prefix, {}});
        std::size_t at = held.list;
        do {
            entry.candidates.push_back(candidates_[at]);
        } while (!candidates_[at++].unconditional());
    }
    return entries;
}

std::size_t Table::memory_bytes() const noexcept {
    return sizeof *this + slots_.capacity() * sizeof(Slot) + intervals_.capacity() * sizeof(Interval) +
           lines_.capacity() * sizeof(Line) + choices_.capacity() * sizeof(Held) +
           lists_.capacity() * sizeof(std::uint32_t) + candidates_.capacity() * sizeof(Candidate) +
           prefixes_.capacity() * sizeof(PrefixList);
}

}  // namespace homeward::policy
