#pragma once

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
class Table {
  public:
    /// Fails when more than kMaxCandidates rules with conditions overlap at one prefix; the text names it.
    static Result<Table> compile(const Policy& policy);

    /// The candidate that decides for `flow`. Never null; alive as long as the table.
    const Candidate& lookup(const FlowKey& flow) const noexcept;
    /// Brings the lines that `lookup(correspondent)` reads first towards the cache.
    void prefetch(wire::Ipv4Address correspondent) const noexcept;

    /// Every distinct prefix (0.0.0.0/0 always among them) in address order, for a longest-prefix map.
    std::vector<Entry> entries() const;
    std::size_t memory_bytes() const noexcept;

    // private layout: the policy room's own
};

}  // namespace homeward::policy
