#include "sweep.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace homeward::policy {
namespace {

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

/// Prefixes in address order, and a stack of those that enclose the current one.
class Sweep {
  public:
    explicit Sweep(const Policy& policy) : policy_(policy) {}

    Result<Intervals> run() {
        sort_rules();
        if (auto error = sweep()) {
            return *std::move(error);
        }
        return std::move(found_);
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
        found_.candidates.reserve(placed_.size() + 1);
        found_.prefixes.reserve(placed_.size() + 1);
        found_.firsts.reserve(2 * placed_.size() + 1);
        found_.lists.reserve(2 * placed_.size() + 1);
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
        found_.prefixes.push_back({prefix, list});
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
            const Candidate& around = stack_.empty() ? fallback : found_.candidates[outer];
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
        auto& all = found_.candidates;
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
        auto& lists = found_.lists;
        if (!found_.firsts.empty() && found_.firsts.back() == first) {
            found_.firsts.pop_back();
            lists.pop_back();
        }
        if (lists.empty() || lists.back() != list) {
            found_.firsts.push_back(first);
            lists.push_back(list);
        }
    }

    const Policy& policy_;
    std::vector<Placed> placed_;
    std::vector<Open> stack_;
    Intervals found_;
};

}  // namespace

Result<Intervals> sweep(const Policy& policy) {
    return Sweep{policy}.run();
}

}  // namespace homeward::policy
