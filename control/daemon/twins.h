#pragma once

#include "config/home_agent.h"
#include "netlink.h"
#include "result/result.h"

namespace homeward::daemon {

/// What a packet may have inside a tunnel when the path takes what our smallest port takes (protocol overhead 32).
std::uint16_t tunnel_mtu(const config::HomeAgent& config);

/// Makes the persistent TAP twin of every port, with its addresses, MTU and routes, or takes the one that is there.
/// They outlive both daemons: addresses, routes and sockets on them survive whoever is killed.
Status create_twins(const config::HomeAgent& config, Netlink& netlink);

}  // namespace homeward::daemon
