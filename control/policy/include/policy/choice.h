#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "policy/rule.h"
#include "wire/ipv4.h"

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

/// A prefix and where its list of candidates begins.
struct PrefixList {
    wire::Ipv4Prefix prefix;
    std::uint32_t list;
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
    static constexpr Lead of_bits(std::uint32_t bits) noexcept {
        Lead lead;
        lead.bits_ = bits;
        return lead;
    }
    /// Choice::preferred.
    constexpr Label preferred() const noexcept { return static_cast<Label>(bits_ >> kNameShift); }
    constexpr std::uint32_t choice() const noexcept { return bits_ >> 16 << 6 | (bits_ >> 2 & 0x3f); }

  private:
    std::uint32_t bits_ = kUp;
};

}  // namespace homeward::policy
