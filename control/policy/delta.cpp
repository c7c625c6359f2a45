#include "policy/delta.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/rule_code.h"

namespace homeward::policy {
namespace {

enum class Step : std::uint8_t {
    copy = 1,    // first u32, count u32: rules of the base
    insert = 2,  // count u32, then so many rules
};

/// How many places of the base with the same rule are tried for the longest stretch.
constexpr unsigned kTries = 8;
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

std::uint64_t mix(std::uint64_t value) {
    value ^= value >> 31U;
    value *= 0x9e3779b97f4a7c15U;
    return value ^ value >> 29U;
}

std::uint64_t hash_of(const Rule& rule) {
    std::uint64_t hash = mix(std::uint64_t{rule.correspondent.network.host()} << 8U | rule.correspondent.length);
    hash = mix(hash + (std::uint64_t{rule.protocol} << 32U | std::uint32_t{rule.ports.first} << 16U | rule.ports.last));
    for (const Label label : rule.uplinks) {
        hash = mix(hash + label);
    }
    hash = mix(hash + (std::uint64_t{rule.weights.bits()} << 8U | static_cast<std::uint8_t>(rule.mode)));
    return hash;
}

/// Where the base has a rule: chains of positions by hash, first positions first.
class Places {
  public:
    explicit Places(const Policy& base) : base_(base), next_(base.rules.size(), kNone) {
        first_.reserve(base.rules.size());
        for (auto i = static_cast<std::uint32_t>(base.rules.size()); i-- > 0;) {
            auto [found, fresh] = first_.try_emplace(hash_of(base.rules[i]), i);
            if (!fresh) {
                next_[i] = found->second;
                found->second = i;
            }
        }
    }

    struct Stretch {
        std::uint32_t first = 0;
        std::uint32_t count = 0;
    };

    /// The longest stretch of the base among those tried that equals the target's rules from `at` on. `expected` is
    /// where the last stretch ended: mostly right.
    Stretch longest(const Policy& target, std::size_t at, std::uint32_t expected) const {
        Stretch best{expected, common(target, at, expected)};
        if (best.count > 0) {
            return best;
        }
        const auto found = first_.find(hash_of(target.rules[at]));
        std::uint32_t place = found == first_.end() ? kNone : found->second;
        for (unsigned tries = 0; place != kNone && tries < kTries; ++tries, place = next_[place]) {
            const std::uint32_t count = common(target, at, place);
            if (count > best.count) {
                best = {place, count};
            }
        }
        return best;
    }

  private:
    std::uint32_t common(const Policy& target, std::size_t at, std::uint32_t place) const {
        std::uint32_t count = 0;
        while (place + count < base_.rules.size() && at + count < target.rules.size() &&
               base_.rules[place + count] == target.rules[at + count]) {
            ++count;
        }
        return count;
    }

    const Policy& base_;
    std::unordered_map<std::uint64_t, std::uint32_t> first_;
    std::vector<std::uint32_t> next_;
};

void write_insert(wire::Writer& out, const Policy& target, std::size_t first, std::size_t last) {
    if (first == last) {
        return;
    }
    out.u8(static_cast<std::uint8_t>(Step::insert));
    out.u32(static_cast<std::uint32_t>(last - first));
    for (std::size_t i = first; i < last; ++i) {
        write_rule(out, target.rules[i]);
    }
}

void write_copy(wire::Writer& out, const Places::Stretch& stretch) {
    out.u8(static_cast<std::uint8_t>(Step::copy));
    out.u32(stretch.first);
    out.u32(stretch.count);
}

const Error kMalformed{"policy delta: malformed"};

bool apply_step(wire::Reader& in, const Policy& base, std::uint32_t rules, Policy& out) {
    const std::uint8_t step = in.u8();
    if (step == static_cast<std::uint8_t>(Step::copy)) {
        const std::uint32_t first = in.u32();
        const std::uint32_t count = in.u32();
        if (in.failed() || count == 0 || first > base.rules.size() || count > base.rules.size() - first ||
            count > rules - out.rules.size()) {
            return false;
        }
        const auto from = base.rules.begin() + first;
        out.rules.insert(out.rules.end(), from, from + count);
        return true;
    }
    const std::uint32_t count = in.u32();
    if (step != static_cast<std::uint8_t>(Step::insert) || count == 0 || count > rules - out.rules.size()) {
        return false;
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto rule = read_rule(in);
        if (!rule) {
            return false;
        }
        out.rules.push_back(*rule);
    }
    return true;
}

}  // namespace

wire::Bytes make_delta(const Policy& base, const Digest& base_digest, const Policy& target) {
    // A lone rule is as short in full as a copy of it; this also keeps chance matches from breaking up inserts.
    constexpr std::uint32_t kWorthCopying = 2;
    wire::Bytes bytes{base_digest.begin(), base_digest.end()};
    wire::Writer out{bytes};
    write_head(out, target);
    const Places places{base};
    std::size_t pending = 0;  // rules [pending, at) are to be inserted
    std::size_t at = 0;
    std::uint32_t expected = 0;
    while (at < target.rules.size()) {
        const auto stretch = places.longest(target, at, expected);
        if (stretch.count < kWorthCopying) {
            ++at;
            // A replaced rule: the base goes on one further, too.
            expected = std::min(expected + 1, static_cast<std::uint32_t>(base.rules.size()));
            continue;
        }
        write_insert(out, target, pending, at);
        write_copy(out, stretch);
        at += stretch.count;
        pending = at;
        expected = stretch.first + stretch.count;
    }
    write_insert(out, target, pending, at);
    return bytes;
}

std::optional<Digest> base_of(wire::ByteView delta) {
    Digest digest{};
    if (delta.size() < digest.size()) {
        return std::nullopt;
    }
    std::memcpy(digest.data(), delta.data(), digest.size());
    return digest;
}

Result<Policy> apply_delta(wire::ByteView delta, const Policy& base, std::uint32_t max_rules) {
    wire::Reader in{delta};
    in.bytes(Digest{}.size());
    const auto head = read_head(in);
    if (!head) {
        return kMalformed;
    }
    if (head->rules > max_rules) {
        return Error{"policy delta: more than " + std::to_string(max_rules) + " rules"};
    }
    Policy out;
    out.fallback = head->fallback;
    out.rates = head->rates;
    out.rules.reserve(std::min(std::size_t{head->rules}, base.rules.size() + in.remaining() / kMinRuleBytes));
    while (!in.at_end()) {
        if (!apply_step(in, base, head->rules, out)) {
            return kMalformed;
        }
    }
    if (out.rules.size() != head->rules) {
        return kMalformed;
    }
    return out;
}

}  // namespace homeward::policy
