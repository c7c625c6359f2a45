#include "supplicant_text.h"

#include <charconv>

namespace homeward::signal {
namespace {

constexpr double kUnknown = 9999;

std::optional<double> number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole && value != kUnknown ? std::optional{value} : std::nullopt;
}

std::optional<double> dbm(std::string_view text) {
    const std::optional<double> value = number(text);
    return value && *value >= -120 && *value <= 0 ? value : std::nullopt;
}

/// Shows every `key=value` between the separators.
template <class Visit>
void for_each_pair(std::string_view text, std::string_view separators, Visit&& visit) {
    while (!text.empty()) {
        const std::size_t end = text.find_first_of(separators);
        const std::string_view pair = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (const std::size_t equals = pair.find('='); equals != std::string_view::npos) {
            visit(pair.substr(0, equals), pair.substr(equals + 1));
        }
    }
}

std::string_view without_priority(std::string_view text) {
    const std::size_t end = text.starts_with('<') ? text.find('>') : std::string_view::npos;
    return end == std::string_view::npos ? text : text.substr(end + 1);
}

}  // namespace

std::optional<Reading> signal_poll_answer(std::string_view text) {
    Reading reading;
    for_each_pair(text, "\n", [&](std::string_view key, std::string_view value) {
        if (key == "RSSI") {
            reading.rssi_dbm = dbm(value);
        } else if (key == "NOISE") {
            reading.noise_dbm = dbm(value);
        } else if (key == "LINKSPEED") {
            reading.tx_mbps = number(value);
        }
    });
    return reading.rssi_dbm ? std::optional{reading} : std::nullopt;
}

std::optional<Reading> signal_change_event(std::string_view text) {
    if (!without_priority(text).starts_with("CTRL-EVENT-SIGNAL-CHANGE ")) {
        return std::nullopt;
    }
    Reading reading;
    for_each_pair(text, " \n", [&](std::string_view key, std::string_view value) {
        if (key == "signal") {
            reading.rssi_dbm = dbm(value);
        } else if (key == "noise") {
            reading.noise_dbm = dbm(value);
        } else if (key == "txrate") {
            const std::optional<double> kbps = number(value);
            reading.tx_mbps = kbps ? std::optional{*kbps / 1000} : std::nullopt;
        }
    });
    return reading.rssi_dbm ? std::optional{reading} : std::nullopt;
}

bool is_disconnection(std::string_view text) {
    return without_priority(text).starts_with("CTRL-EVENT-DISCONNECTED");
}

}  // namespace homeward::signal
