#pragma once

#include <compare>
#include <cstdint>
#include <optional>

#include "selection/bounded.h"

namespace homeward::selection {

/// Seconds of a clock that the caller owns and that never goes back; engines own none.
using Seconds = double;
/// The number of an interface, 1…; 0 is none.
using InterfaceId = std::uint8_t;
/// An access point's 48 bit address; 0 for interfaces without access points.
using Bssid = std::uint64_t;
/// What was not measured is unknown, which is not zero.
using Known = std::optional<double>;

inline constexpr InterfaceId kNoInterface = 0;
inline constexpr std::size_t kMaxLinks = 32;
inline constexpr std::size_t kMaxFlows = 64;

enum class Technology : std::uint8_t { ethernet, wlan, umts, lte, nr };

/// One way to be attached: an interface, and the access point where there are several.
struct LinkKey {
    InterfaceId interface = kNoInterface;
    Bssid bssid = 0;
    auto operator<=>(const LinkKey&) const = default;
    bool named() const { return interface != kNoInterface; }
};

struct Link {
    LinkKey key;
    Technology technology = Technology::wlan;
    /// Links of one domain share a subnet: moving between them keeps the care-of address.
    std::uint32_t domain = 0;
    /// Attached, or could be attached to now. A link that is not up is never chosen.
    bool up = false;
    Known rssi_dbm;  // −120 … 0
    Known snr_db;
    Known rtt_ms;         // ≥ 0
    Known loss;           // 0 … 1
    Known rate_mbps;      // what the link carries, ≥ 0
    Known cost_per_mb;    // money, any unit that is the same on all links
    Known quota_left_mb;  // unknown: no quota
};

enum class FlowClass : std::uint8_t { elastic, real_time };

struct Flow {
    std::uint32_t id = 0;
    /// Number of the application, 0 when it is not known.
    std::uint16_t app = 0;
    FlowClass kind = FlowClass::elastic;
    double demand_mbps = 0;
    double on_s = 1;
    double off_s = 1;
    bool time_critical = false;
    /// How much an interruption hurts, 0 … 1.
    double continuity = 0;
    InterfaceId interface = kNoInterface;
};

struct Device {
    double battery = 1;  // 0 … 1
    bool charging = false;
    bool screen_on = false;
};

struct Position {
    double latitude = 0;   // degrees
    double longitude = 0;  // degrees
    double accuracy_m = 0;
    Known speed_mps;
    Seconds at = 0;
};

/// What was seen at one moment. Links may be some of those known; flows are all of them.
struct Observation {
    Seconds at = 0;
    Bounded<Link, kMaxLinks> links;
    Bounded<Flow, kMaxFlows> flows;
    /// False: `flows` says nothing.
    bool has_flows = false;
    std::optional<Device> device;
    std::optional<Position> position;
    /// The link that carries what no flow rule names; unnamed: nothing does.
    LinkKey serving;
};

/// What an engine decides on: what is known now, with all that is too old taken out.
struct Scene {
    Seconds now = 0;
    Bounded<Link, kMaxLinks> links;
    Bounded<Flow, kMaxFlows> flows;
    Device device;
    std::optional<Position> position;
    LinkKey serving;

    const Link* find(LinkKey key) const;
    /// The serving link when it is there and up, else null.
    const Link* alive() const;
    /// Is any link of this interface up?
    bool up(InterfaceId interface) const;
    double demand_mbps() const;
};

}  // namespace homeward::selection
