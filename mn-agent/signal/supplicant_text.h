#pragma once

#include <optional>
#include <string_view>

#include "signal/source.h"

/// What wpa_supplicant says on its control socket, as text (its hostap documentation, ctrl_iface).
namespace homeward::signal {

/// The answer to SIGNAL_POLL: lines `RSSI=-60`, `LINKSPEED=866`, `NOISE=-95`, … nullopt: FAIL, or no RSSI in it. 9999
/// means unknown.
std::optional<Reading> signal_poll_answer(std::string_view text);
/// An event `<3>CTRL-EVENT-SIGNAL-CHANGE above=1 signal=-61 noise=-95 txrate=65000` (kbit/s); nullopt: another event.
std::optional<Reading> signal_change_event(std::string_view text);
/// `<3>CTRL-EVENT-DISCONNECTED bssid=…`: nothing known before holds.
bool is_disconnection(std::string_view text);

}  // namespace homeward::signal
