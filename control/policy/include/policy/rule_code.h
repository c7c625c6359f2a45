#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "policy/rule.h"
#include "wire/cursor.h"

namespace homeward::policy {

/// How one rule stands in the canonical encoding and in the literals of a delta (docs/policy-sync.md).
inline constexpr std::uint8_t kRuleLengthMask = 0x3f;
inline constexpr std::uint8_t kRuleHasProtocol = 0x40;
inline constexpr std::uint8_t kRuleHasPorts = 0x80;
inline constexpr std::size_t kMinRuleBytes = 2;
inline constexpr std::size_t kMaxRuleBytes = 10 + 1 + 2 * kMaxUplinks;
/// In the number of a rule's uplinks: the mode.
inline constexpr unsigned kRuleModeShift = 4;

void write_rule(wire::Writer& out, const Rule& rule);
/// nullopt: not what write_rule writes, or cut off.
std::optional<Rule> read_rule(wire::Reader& in);
/// What precedes the rules in the canonical encoding.
struct PolicyHead {
    LabelList fallback;
    Rates rates;
    std::uint32_t rules = 0;
};
std::optional<PolicyHead> read_head(wire::Reader& in);
void write_head(wire::Writer& out, const Policy& policy);

}  // namespace homeward::policy
