#pragma once

#include <string_view>

namespace homeward::mn {

/// Tells the service manager (systemd) `state`, as sd_notify(3) specifies it: one datagram, "READY=1" or the like, to
/// the socket that NOTIFY_SOCKET names. Nobody listens when it is not set; then, and on any failure, nothing happens.
/// Written here, not linked: Debian has no archive of libsystemd, and the agent must link statically for arm64.
void tell_service_manager(std::string_view state);

}  // namespace homeward::mn
