#pragma once

#include <cstdint>
#include <vector>

#include "policy/choice.h"
#include "policy/rule.h"
#include "result/result.h"

namespace homeward::policy {

/// What a policy cuts the addresses into: stretches in order, each with the list of candidates for its addresses.
struct Intervals {
    std::vector<std::uint32_t> firsts;  ///< address of each; the first one's is 0
    std::vector<std::uint32_t> lists;   ///< of each: its list's first candidate
    std::vector<Candidate> candidates;  ///< lists one behind the other; each ends with an unconditional one
    std::vector<PrefixList> prefixes;   ///< every distinct one, in address order
};

/// Fails where a prefix would need more than kMaxCandidates candidates, and names it and the rules.
Result<Intervals> sweep(const Policy& policy);

}  // namespace homeward::policy
