#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "result/result.h"

/// Recorded or made-up radio conditions, format mn-trace v1 (docs/traces.md). An empty optional is "unknown", which is
/// never the same as zero.
namespace homeward::trace {

enum class Technology : std::uint8_t { unknown, wlan, umts, lte, nr, ethernet };
std::string_view name(Technology technology) noexcept;

/// One link at one moment. A WLAN interface has one per access point that it hears; a link without access points has
/// one with an empty `bssid`.
struct Link {
    std::string interface;
    Technology technology = Technology::unknown;
    std::string bssid;
    std::string domain;                 ///< which subnet its addresses belong to
    std::optional<bool> connected;      ///< the interface is associated with this `bssid`
    std::optional<double> rssi_dbm;     ///< −120 to 0
    std::optional<double> snr_db;       ///< −100 to 200
    std::optional<double> rtt_ms;       ///< 0 or more
    std::optional<double> loss;         ///< 0 to 1
    std::optional<double> rate_mbps;    ///< estimated capacity, 0 or more
    std::optional<double> cost_per_mb;  ///< 0 or more
    std::string event;                  ///< free word: `link_down`, `scan_done`, …
    unsigned line = 0;                  ///< of the file, from 1
};

/// Where and in what condition the node is.
struct Device {
    std::optional<double> latitude;   ///< degrees, −90 to 90
    std::optional<double> longitude;  ///< degrees, −180 to 180
    std::optional<double> accuracy_m;
    std::optional<double> speed_mps;
    std::optional<double> battery;  ///< 0 to 1
};

struct Moment {
    double t_s = 0;
    Device device;
    std::vector<Link> links;  ///< no two with the same interface and bssid
};

/// Moments in strictly increasing time, at least one.
struct Trace {
    std::vector<Moment> moments;
};

/// Reads links.csv or its JSON-lines twin; which of them it is, the first character tells. The error names file and
/// line. Nothing is repaired: a trace with one bad cell is refused whole.
Result<Trace> load_links(const std::filesystem::path& file);
/// `name` stands for the file in errors.
Result<Trace> parse_links(std::string_view name, std::string_view text);

}  // namespace homeward::trace
