#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "wire/ipv4.h"

namespace homeward::policy {

/// An uplink label: RFC 7629 If-Label, 1–255. A rule names labels, not binding ids, so that a handover sends no table.
using Label = std::uint8_t;

/// How many uplinks a node may have, and so how many one rule may name.
inline constexpr std::size_t kMaxUplinks = 8;

/// Uplinks in order of preference, at most kMaxUplinks. An empty list means: drop.
class LabelList {
  public:
    constexpr LabelList() = default;
    constexpr LabelList(std::initializer_list<Label> labels) {
        for (const Label label : labels) {
            push_back(label);
        }
    }
    /// Appends; a label that is 0, already there or one too many is left out and false returned.
    constexpr bool push_back(Label label) noexcept {
        if (label == 0 || size_ == kMaxUplinks || contains(label)) {
            return false;
        }
        labels_[size_++] = label;
        return true;
    }
    constexpr bool contains(Label label) const noexcept { return std::find(begin(), end(), label) != end(); }
    constexpr std::size_t size() const noexcept { return size_; }
    /// The first one; 0: the list is empty.
    constexpr Label preferred() const noexcept { return labels_[0]; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr Label operator[](std::size_t index) const noexcept { return labels_[index]; }
    constexpr const Label* begin() const noexcept { return labels_.data(); }
    constexpr const Label* end() const noexcept { return labels_.data() + size_; }

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the generated comparison with 0 for a pointer's
    friend constexpr auto operator<=>(const LabelList&, const LabelList&) noexcept = default;

  private:
    std::array<Label, kMaxUplinks> labels_{};
    std::uint8_t size_ = 0;
};

/// How a rule uses its uplinks; the number stands in the encoding.
enum class Mode : std::uint8_t {
    prefer = 0,          ///< the first that is up carries everything
    spread = 1,          ///< each flow one of them, by weights that the rule gives (policy/spread.h)
    spread_by_rate = 2,  ///< the same by Policy::rates
    redundant = 3,       ///< each packet by the first two that are up; where packets have no numbers, as `prefer`
};

/// As people read it, in the admin API too.
constexpr std::string_view name_of(Mode mode) noexcept {
    switch (mode) {
        case Mode::spread:
            return "spread";
        case Mode::spread_by_rate:
            return "spread-by-rate";
        case Mode::redundant:
            return "redundant";
        case Mode::prefer:
            break;
    }
    return "prefer";
}

constexpr bool spreads(Mode mode) noexcept {
    return mode == Mode::spread || mode == Mode::spread_by_rate;
}

/// What each of a rule's uplinks is to carry where the rule spreads, by place in its list. 0: a reserve, which carries
/// only while none of the others is up. Four bits each, the first lowest, as the BPF programs have them.
class Weights {
  public:
    static constexpr unsigned kMax = 15;

    constexpr Weights() = default;
    constexpr Weights(std::initializer_list<unsigned> weights) {
        std::size_t place = 0;
        for (const unsigned weight : weights) {
            set(place++, weight);
        }
    }
    constexpr unsigned operator[](std::size_t place) const noexcept { return bits_ >> 4 * place & kMax; }
    constexpr void set(std::size_t place, unsigned weight) noexcept {
        bits_ = (bits_ & ~(std::uint32_t{kMax} << 4 * place)) | (weight & kMax) << 4 * place;
    }
    constexpr std::uint32_t bits() const noexcept { return bits_; }
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the generated comparison with 0 for a pointer's
    friend constexpr auto operator<=>(Weights, Weights) noexcept = default;

  private:
    std::uint32_t bits_ = 0;
};
static_assert(kMaxUplinks * 4 <= 32);

/// How fast the node found its uplinks, relative to the fastest.
class Rates {
  public:
    static constexpr std::uint8_t kFastest = 255;

    /// 1–kFastest; an uplink of which nothing was said counts as a fastest one.
    constexpr std::uint8_t of(Label label) const noexcept {
        const auto found = std::find(labels_.begin(), labels_.end(), label);
        return found == labels_.end() ? kFastest : rates_[static_cast<std::size_t>(found - labels_.begin())];
    }
    /// False: the label is there already, there is no room, or the rate is 0.
    constexpr bool push_back(Label label, std::uint8_t rate) noexcept {
        if (rate == 0 || !labels_.push_back(label)) {
            return false;
        }
        rates_[labels_.size() - 1] = rate;
        return true;
    }
    constexpr const LabelList& labels() const noexcept { return labels_; }
    constexpr bool empty() const noexcept { return labels_.empty(); }
    friend constexpr bool operator==(const Rates&, const Rates&) noexcept = default;

  private:
    LabelList labels_;
    std::array<std::uint8_t, kMaxUplinks> rates_{};
};

/// The correspondent's ports, inclusive; 0–65535 means any, portless protocols included.
struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 65535;

    constexpr bool any() const noexcept { return first == 0 && last == 65535; }
    constexpr bool contains(std::uint16_t port) const noexcept { return first <= port && port <= last; }
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the generated comparison with 0 for a pointer's
    friend constexpr auto operator<=>(const PortRange&, const PortRange&) noexcept = default;
};

inline constexpr std::uint8_t kAnyProtocol = 0;

/// One rule as it is compiled, sent and digested. `uplinks` is complete: the configuration's `prefer` is already
/// followed by the remaining uplinks of the default (a single uplink carries everything), `only` is not. When no
/// named uplink is up, the packet is dropped. Names are for people and stay at the end that wrote them.
struct Rule {
    wire::Ipv4Prefix correspondent;
    std::uint8_t protocol = kAnyProtocol;
    PortRange ports;
    LabelList uplinks;
    Mode mode = Mode::prefer;
    Weights weights{};  ///< where the mode spreads: at least one is not 0; by rate, 1 for all that are no reserve

    constexpr bool unconditional() const noexcept { return protocol == kAnyProtocol && ports.any(); }
    friend constexpr bool operator==(const Rule&, const Rule&) noexcept = default;
};

/// What steering looks at: the correspondent's side of a packet. A port is absent in a later fragment and in a
/// protocol without ports; it then matches only rules with `ports.any()`.
struct FlowKey {
    wire::Ipv4Address correspondent;
    std::uint8_t protocol = kAnyProtocol;
    bool has_port = false;
    std::uint16_t port = 0;
    // What else tells flows apart where a rule spreads; no rule looks at them.
    std::uint16_t node_port = 0;  ///< there when `port` is
    wire::Ipv4Address node{};     ///< home address
};

/// Ordered rules, first match wins; `fallback` is for what none matches.
struct Policy {
    std::vector<Rule> rules;
    LabelList fallback;
    Rates rates{};  ///< for rules that spread by them

    /// Index of the first rule that sends packets more than once; the number of rules: none does.
    std::size_t first_redundant() const noexcept {
        const auto twice = [](const Rule& rule) { return rule.mode == Mode::redundant; };
        return static_cast<std::size_t>(std::find_if(rules.begin(), rules.end(), twice) - rules.begin());
    }
    bool redundant() const noexcept { return first_redundant() != rules.size(); }
    friend bool operator==(const Policy&, const Policy&) = default;
};

constexpr bool matches(const Rule& rule, const FlowKey& flow) noexcept {
    return rule.correspondent.contains(flow.correspondent) &&
           (rule.protocol == kAnyProtocol || rule.protocol == flow.protocol) &&
           (rule.ports.any() || (flow.has_port && rule.ports.contains(flow.port)));
}

}  // namespace homeward::policy
