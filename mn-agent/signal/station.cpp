#include "station.h"

#include <linux/nl80211.h>

#include <cstdio>

#include "netlink/attribute.h"

namespace homeward::signal {
namespace {

std::optional<double> dbm(const nlattr* attribute) {
    if (attribute == nullptr) {
        return std::nullopt;
    }
    const auto value = static_cast<double>(netlink::number<std::int8_t>(attribute));
    return value < 0 ? std::optional{value} : std::nullopt;
}

/// In units of 100 kbit/s; the 16-bit attribute is the old one.
std::optional<double> mbps(const nlattr* rate) {
    if (rate == nullptr) {
        return std::nullopt;
    }
    const wire::ByteView inside = netlink::payload(*rate);
    auto value = netlink::number<std::uint32_t>(netlink::find(inside, NL80211_RATE_INFO_BITRATE32));
    if (value == 0) {
        value = netlink::number<std::uint16_t>(netlink::find(inside, NL80211_RATE_INFO_BITRATE));
    }
    return value != 0 ? std::optional{value / 10.0} : std::nullopt;
}

std::string mac(const nlattr* attribute) {
    if (attribute == nullptr || netlink::payload(*attribute).size() < 6) {
        return "";
    }
    const wire::ByteView bytes = netlink::payload(*attribute);
    std::array<char, 18> text{};
    std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3],
                  bytes[4], bytes[5]);
    return text.data();
}

}  // namespace

std::optional<Reading> reading_of_station(wire::ByteView attributes) {
    const nlattr* info = netlink::find(attributes, NL80211_ATTR_STA_INFO);
    if (info == nullptr) {
        return std::nullopt;
    }
    const wire::ByteView inside = netlink::payload(*info);
    Reading reading;
    reading.rssi_dbm = dbm(netlink::find(inside, NL80211_STA_INFO_SIGNAL));
    if (!reading.rssi_dbm) {
        reading.rssi_dbm = dbm(netlink::find(inside, NL80211_STA_INFO_SIGNAL_AVG));
    }
    reading.tx_mbps = mbps(netlink::find(inside, NL80211_STA_INFO_TX_BITRATE));
    reading.rx_mbps = mbps(netlink::find(inside, NL80211_STA_INFO_RX_BITRATE));
    reading.bssid = mac(netlink::find(attributes, NL80211_ATTR_MAC));
    return reading.rssi_dbm ? std::optional{reading} : std::nullopt;
}

std::optional<double> noise_of_survey(wire::ByteView attributes) {
    const nlattr* info = netlink::find(attributes, NL80211_ATTR_SURVEY_INFO);
    if (info == nullptr) {
        return std::nullopt;
    }
    const wire::ByteView inside = netlink::payload(*info);
    const bool in_use = netlink::find(inside, NL80211_SURVEY_INFO_IN_USE) != nullptr;
    return in_use ? dbm(netlink::find(inside, NL80211_SURVEY_INFO_NOISE)) : std::nullopt;
}

}  // namespace homeward::signal
