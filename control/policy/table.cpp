#include "policy/table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <map>
#include <optional>
#include <string>

namespace homeward::policy {
namespace {

constexpr unsigned kMinNodeBits = 4;
constexpr unsigned kMaxNodeBits = 16;
constexpr std::uint64_t kEndOfAddresses = std::uint64_t{1} << 32U;

/// True if nothing that gets past `earlier` can match `later`.
bool covers(const Choice& earlier, const Choice& later) noexcept {
    const bool protocol = earlier.protocol == kAnyProtocol || earlier.protocol == later.protocol;
    const bool ports = earlier.ports.any() || (!later.ports.any() && earlier.ports.first <= later.ports.first &&
                                               later.ports.last <= earlier.ports.last);
    return protocol && ports;
}

/// The candidates of one prefix while they are merged.
class CandidateList {
  public:
    /// Appends the next candidate in rule order. False: there is no room for it.
    bool add(const Candidate& candidate) {
        if (std::any_of(begin(), end(), [&](const Candidate& held) { return covers(held, candidate); })) {
            return true;
        }
        if (size_ == kMaxCandidates) {
            return false;
        }
        candidates_[size_++] = candidate;
        return true;
    }
    bool complete() const { return size_ > 0 && candidates_[size_ - 1].unconditional(); }
    const Candidate* begin() const { return candidates_.data(); }
    const Candidate* end() const { return candidates_.data() + size_; }

  private:
    std::array<Candidate, kMaxCandidates> candidates_{};
    std::size_t size_ = 0;
};

Candidate candidate_of(const Rule& rule, std::uint32_t index) {
    Choice choice{rule.ports, rule.protocol, rule.uplinks, rule.mode, 0, rule.weights};
    if (rule.mode == Mode::prefer && choice.unconditional()) {
        choice.preferred = rule.uplinks.preferred();
    }
    return {choice, index};
}

Error too_many(const wire::Ipv4Prefix& prefix, const CandidateList& held, std::uint32_t next) {
    std::string text = "more than " + std::to_string(kMaxCandidates - 1) +
                       " rules with a protocol or ports overlap at " + prefix.to_string() + ": ";
    for (const Candidate& candidate : held) {
        text += "rules[" + std::to_string(candidate.rule) + "], ";
    }
    return {text + (next == kFallbackRule ? "the default" : "rules[" + std::to_string(next) + "]") +
            "; join some of them"};
}

}  // namespace

/// Compiles one table: prefixes in address order, a stack of those that enclose the current one.
class TableBuilder {
  public:
    explicit TableBuilder(const Policy& policy) : policy_(policy) {}

    Result<Table> build() {
        sort_rules();
        if (auto error = sweep()) {
            return *std::move(error);
        }
        write_intervals();
        if (table_.choices_.size() > Lead::kMostChoices) {
            return Error{"the rules need more than 4,194,304 choices: join some of them"};
        }
        index();
        table_.rates_ = policy_.rates;
        return std::move(table_);
    }

  private:
    struct Placed {
        std::uint64_t key;  ///< network, then length: an enclosing prefix comes before what it encloses
        std::uint32_t rule;
    };
    struct Open {
        wire::Ipv4Prefix prefix;
        std::uint32_t list;
    };

    void sort_rules() {
        placed_.reserve(policy_.rules.size());
        for (std::uint32_t i = 0; i < policy_.rules.size(); ++i) {
            const wire::Ipv4Prefix& prefix = policy_.rules[i].correspondent;
            placed_.push_back({std::uint64_t{prefix.network.host()} << 8U | prefix.length, i});
        }
        std::sort(placed_.begin(), placed_.end(),
                  [](const Placed& a, const Placed& b) { return a.key != b.key ? a.key < b.key : a.rule < b.rule; });
        table_.candidates_.reserve(placed_.size() + 1);
        table_.prefixes_.reserve(placed_.size() + 1);
        firsts_.reserve(2 * placed_.size() + 1);
        table_.lists_.reserve(2 * placed_.size() + 1);
    }

    std::optional<Error> sweep() {
        std::size_t next = 0;
        if (placed_.empty() || placed_.front().key != 0) {
            if (auto error = open({}, 0, 0)) {
                return error;
            }
        }
        while (next < placed_.size()) {
            std::size_t end = next + 1;
            while (end < placed_.size() && placed_[end].key == placed_[next].key) {
                ++end;
            }
            if (auto error = open(policy_.rules[placed_[next].rule].correspondent, next, end)) {
                return error;
            }
            next = end;
        }
        close_until(kEndOfAddresses);
        return std::nullopt;
    }

    /// Enters a prefix whose own rules are placed_[first, last).
    std::optional<Error> open(const wire::Ipv4Prefix& prefix, std::size_t first, std::size_t last) {
        close_until(prefix.network.host());
        CandidateList merged;
        if (auto error = merge(prefix, first, last, merged)) {
            return error;
        }
        const std::uint32_t list = store(merged);
        table_.prefixes_.push_back({prefix, list});
        stack_.push_back({prefix, list});
        emit(prefix.network.host(), list);
        return std::nullopt;
    }

    /// Merges the prefix's own rules with the list around it, both in rule order.
    std::optional<Error> merge(const wire::Ipv4Prefix& prefix, std::size_t own, std::size_t own_end,
                               CandidateList& merged) const {
        const Candidate fallback = candidate_of({{}, kAnyProtocol, {}, policy_.fallback}, kFallbackRule);
        std::size_t outer = stack_.empty() ? 0 : stack_.back().list;
        while (!merged.complete()) {
            const Candidate& around = stack_.empty() ? fallback : table_.candidates_[outer];
            Candidate next = around;
            if (own < own_end && placed_[own].rule < around.rule) {
                next = candidate_of(policy_.rules[placed_[own].rule], placed_[own].rule);
                ++own;
            } else {
                ++outer;
            }
            if (!merged.add(next)) {
                return too_many(prefix, merged, next.rule);
            }
        }
        return std::nullopt;
    }

    /// A prefix whose own rules can never match shares the list around it.
    std::uint32_t store(const CandidateList& merged) {
        auto& all = table_.candidates_;
        if (!stack_.empty()) {
            const std::uint32_t outer = stack_.back().list;
            const auto size = static_cast<std::size_t>(merged.end() - merged.begin());
            if (outer + size <= all.size() &&
                std::equal(merged.begin(), merged.end(), all.begin() + outer,
                           [](const Candidate& a, const Candidate& b) { return a.rule == b.rule; })) {
                return outer;
            }
        }
        const auto list = static_cast<std::uint32_t>(all.size());
        all.insert(all.end(), merged.begin(), merged.end());
        return list;
    }

    /// Leaves the prefixes that end before `address`; behind each, the one around it goes on.
    void close_until(std::uint64_t address) {
        while (!stack_.empty() && stack_.back().prefix.last().host() < address) {
            const std::uint64_t behind = std::uint64_t{stack_.back().prefix.last().host()} + 1;
            stack_.pop_back();
            if (!stack_.empty() && behind < kEndOfAddresses) {
                emit(static_cast<std::uint32_t>(behind), stack_.back().list);
            }
        }
    }

    /// The addresses from `first` on have `list`. An empty interval vanishes, equal neighbours become one.
    void emit(std::uint32_t first, std::uint32_t list) {
        auto& lists = table_.lists_;
        if (!firsts_.empty() && firsts_.back() == first) {
            firsts_.pop_back();
            lists.pop_back();
        }
        if (lists.empty() || lists.back() != list) {
            firsts_.push_back(first);
            lists.push_back(list);
        }
    }

    /// Answers that stand alone, as nearly all do, are kept once.
    std::uint32_t choice_of(std::uint32_t list) {
        auto& choices = table_.choices_;
        const auto next = static_cast<std::uint32_t>(choices.size());
        const Candidate* candidate = &table_.candidates_[list];
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

    void write_intervals() {
        const std::size_t count = firsts_.size();
        table_.intervals_.reserve(count + Table::kLeafIntervals - 1);
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint32_t list = table_.lists_[i];
            table_.intervals_.push_back({in_order(i + 1 < count ? firsts_[i + 1] - 1 : 0xffffffff),
                                         {choice_of(list), table_.candidates_[list].preferred}});
        }
        // A lookup reads whole leaves.
        const Table::Interval last = table_.intervals_.back();
        table_.intervals_.resize(count + Table::kLeafIntervals - 1, last);
    }

    void index() {
        const std::size_t count = firsts_.size();
        table_.outside_ = {leaf(0), leaf(count - 1)};
        if (count <= Table::kLeafIntervals) {
            table_.slots_.push_back(leaf(0));
            table_.root_shift_ = 32;
        } else {
            index_block(firsts_[1], firsts_.back());
        }
        table_.root_slots_ = std::uint64_t{1} << root_bits_;
        table_.small_ = count <= Table::kSmallIntervals;
        for (unsigned bits = 0; table_.small_ && bits <= Table::kMostPartBits && !cut(bits); ++bits) {
        }
        shrink();
    }

    /// Everything that is to be told apart lies between the second interval's start and the last one's: the block is
    /// the smallest aligned one that holds both.
    void index_block(std::uint32_t low, std::uint32_t high) {
        const auto bits = static_cast<unsigned>(std::bit_width(low ^ high));
        table_.block_ = static_cast<std::uint32_t>(std::uint64_t{low} >> bits << bits);
        const Table::Slot root = node(table_.block_, bits, begun_at(table_.block_) - 1, firsts_.size());
        if (root.bits == 0) {
            table_.slots_.push_back(root);
        }
        root_bits_ = root.bits;
        table_.root_shift_ = static_cast<std::uint8_t>(bits - root.bits);
    }

    static Table::Slot leaf(std::size_t first) { return {static_cast<std::uint32_t>(first), 0, 0}; }

    /// Indexes the aligned block of 1 << size_bits addresses at `begin`; intervals [first, last) meet it.
    // NOLINTNEXTLINE(misc-no-recursion): every level takes kMinNodeBits of 32
    Table::Slot node(std::uint64_t begin, unsigned size_bits, std::size_t first, std::size_t last) {
        const std::size_t count = last - first;
        if (count <= Table::kLeafIntervals) {
            return leaf(first);
        }
        const auto wanted = static_cast<unsigned>(std::bit_width(count - 1));
        const unsigned bits = std::min(size_bits, std::clamp(wanted, kMinNodeBits, kMaxNodeBits));
        const unsigned shift = size_bits - bits;
        const std::size_t at = table_.slots_.size();
        table_.slots_.resize(at + (std::size_t{1} << bits));
        for (std::size_t i = 0; i < std::size_t{1} << bits; ++i) {
            const std::uint64_t from = begin + (std::uint64_t{i} << shift);
            const std::uint64_t to = from + (std::uint64_t{1} << shift);
            while (first + 1 < last && firsts_[first + 1] <= from) {
                ++first;
            }
            std::size_t end = first + 1;
            while (end < last && firsts_[end] < to) {
                ++end;
            }
            const Table::Slot slot = node(from, shift, first, end);
            table_.slots_[at + i] = slot;
            first = end - 1;
        }
        return {static_cast<std::uint32_t>(at), static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(shift)};
    }

    /// Cuts the block into 1 << bits parts. False: a part has more intervals than a line.
    bool cut(unsigned bits) {
        const unsigned block_bits = table_.root_shift_ + root_bits_;
        if (bits > block_bits) {
            return false;
        }
        const unsigned shift = block_bits - bits;
        std::vector<Table::Line> lines;
        for (std::uint64_t part = 0; part < std::uint64_t{1} << bits; ++part) {
            const std::uint64_t from = table_.block_ + (part << shift);
            const std::size_t first = begun_at(from) - 1, last = begun_at(from + (std::uint64_t{1} << shift) - 1);
            if (last - first > Table::kLeafIntervals) {
                return false;
            }
            lines.push_back(line(first, last));
        }
        const std::size_t count = firsts_.size();
        lines.push_back(line(0, 1));
        lines.push_back(line(count - 1, count));
        table_.lines_ = std::move(lines);
        table_.parts_ = {table_.block_, std::uint32_t{1} << bits, shift};
        return true;
    }

    /// How many intervals begin at or before `address`.
    std::size_t begun_at(std::uint64_t address) const {
        return static_cast<std::size_t>(std::upper_bound(firsts_.begin(), firsts_.end(), address) - firsts_.begin());
    }

    Table::Line line(std::size_t first, std::size_t last) const {
        Table::Line line;
        for (std::size_t i = 0; i < Table::kLeafIntervals; ++i) {
            const Table::Interval& interval = table_.intervals_[std::min(first + i, last - 1)];
            line.lead[i] = interval.lead;
            line.last[i] = first + i < last - 1 ? interval.last : in_order(0xffffffff);
        }
        return line;
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

    const Policy& policy_;
    std::vector<Placed> placed_;
    std::vector<std::uint32_t> firsts_;  ///< address of each interval
    unsigned root_bits_ = 0;
    std::vector<Open> stack_;
    std::map<Choice, std::uint32_t> alone_;  ///< where they are in choices_
    Table table_;
};

Result<Table> Table::compile(const Policy& policy) {
    return TableBuilder{policy}.build();
}

const Candidate& Table::lookup(const FlowKey& flow) const noexcept {
    const std::uint32_t address = flow.correspondent.host();
    const Candidate* candidate = &candidates_[lists_[interval_of(*leaf_below(root_of(address), address), address)]];
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
