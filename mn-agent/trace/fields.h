#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "trace/links.h"
#include "trace/table.h"

/// What both spellings of a trace, CSV and JSON lines, have in common.
namespace homeward::trace {

template <class Holder>
struct Field {
    std::string_view name;
    std::optional<double> Holder::*member;
    Limits limits;
};

inline constexpr Limits kTime{-1e12, 1e12};

inline constexpr std::array<Field<Link>, 6> kLinkFields{{{"rssi_dbm", &Link::rssi_dbm, {-120, 0}},
                                                         {"snr_db", &Link::snr_db, {-100, 200}},
                                                         {"rtt_ms", &Link::rtt_ms, kNotNegative},
                                                         {"loss", &Link::loss, {0, 1}},
                                                         {"rate_mbps", &Link::rate_mbps, kNotNegative},
                                                         {"cost_per_mb", &Link::cost_per_mb, kNotNegative}}};

inline constexpr std::array<Field<Device>, 5> kDeviceFields{{{"lat", &Device::latitude, {-90, 90}},
                                                             {"lon", &Device::longitude, {-180, 180}},
                                                             {"acc_m", &Device::accuracy_m, kNotNegative},
                                                             {"speed_mps", &Device::speed_mps, kNotNegative},
                                                             {"battery", &Device::battery, {0, 1}}}};

Technology technology_of(std::string_view word) noexcept;

/// The one of the same interface and bssid; null if there is none.
const Link* twin_of(const Link& link, const std::vector<Link>& links) noexcept;

}  // namespace homeward::trace
