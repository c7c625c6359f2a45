#pragma once

#include "config/home_agent.h"
#include "value.h"

namespace homeward::config {

/// `udp_checksum`, `ecn` and `clamp_mss`: the same at both ends of a tunnel.
void read_tunnel_choices(const Map& map, ipc::Ecn& ecn, bool& clamp_mss);

/// Needs `out.ports` and `out.address`: a home network's port exists, its pool holds nobody's address.
void read_home_networks(const Value& value, HomeAgent& out);

/// Needs `out.home_networks` and `out.uplinks`.
void read_nodes(const Value& value, HomeAgent& out);

}  // namespace homeward::config
