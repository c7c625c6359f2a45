#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "result/result.h"

namespace homeward::signal {

/// What a radio says about its link at one moment. Empty is "unknown".
struct Reading {
    std::optional<double> rssi_dbm;
    std::optional<double> noise_dbm;
    std::optional<double> tx_mbps;  ///< bit rate on the air, not goodput
    std::optional<double> rx_mbps;
    std::optional<double> goodput_mbps;  ///< what the link carries, where the source knows: a trace
    std::string bssid;                   ///< of the access point, as `02:00:00:00:00:01`
};

/// Where readings come from. Asked every `signal.interval` and never waits for a radio.
class Source {
  public:
    virtual ~Source() = default;
    /// `nl80211`, `wpa_supplicant`, `replay`.
    virtual std::string name() const = 0;
    /// The newest reading of the interface; nullopt: it has none (no radio, not associated, not in the trace).
    /// `now` is monotonic.
    virtual std::optional<Reading> read(const std::string& interface, int index, std::chrono::nanoseconds now) = 0;
};

/// The kernel's WiFi stack by generic netlink: station and survey of the interface. An error where there is none.
Result<std::unique_ptr<Source>> open_nl80211();
/// wpa_supplicant's control sockets, one per interface in `directory`. Sockets that are not there, or go away, are
/// looked for again with every reading; an error where the directory does not exist.
Result<std::unique_ptr<Source>> open_wpa_supplicant(const std::filesystem::path& directory);
/// A trace of links (docs/traces.md), from its first moment at the first reading; after its end the last moment stays.
Result<std::unique_ptr<Source>> open_replay(const std::filesystem::path& trace);

}  // namespace homeward::signal
