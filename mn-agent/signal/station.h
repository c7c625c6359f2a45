#pragma once

#include <optional>

#include "signal/source.h"
#include "wire/cursor.h"

/// nl80211 messages (linux/nl80211.h) as readings.
namespace homeward::signal {

/// The attributes of a message of NL80211_CMD_GET_STATION; nullopt: no signal strength in it.
std::optional<Reading> reading_of_station(wire::ByteView attributes);
/// Of NL80211_CMD_GET_SURVEY: the noise on the channel in use, dBm; nullopt: another channel, or not measured.
std::optional<double> noise_of_survey(wire::ByteView attributes);

}  // namespace homeward::signal
