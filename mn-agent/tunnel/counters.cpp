#include "tunnel/counters.h"

namespace homeward::tunnel {

std::string_view name(Drop drop) noexcept {
    static constexpr std::array<std::string_view, kDrops> kNames{"up.no_uplink",         "up.not_ipv4",
                                                                 "up.queue_full",        "up.too_big",
                                                                 "up.bad_offload",       "up.send_failed",
                                                                 "down.not_tunnel_data", "down.inner_malformed",
                                                                 "down.inner_checksum",  "down.inner_destination",
                                                                 "down.duplicate",       "down.inner_ecn",
                                                                 "down.control_full",    "down.interface_refused"};
    return kNames[static_cast<std::size_t>(drop)];
}

}  // namespace homeward::tunnel
