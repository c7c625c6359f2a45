#pragma once

#include <string>
#include <vector>

#include "config/home_agent.h"
#include "ports/port.h"

namespace homeward {

/// The devices that the configuration's ports lie on, in the order in which they are first named.
std::vector<ports::PortOptions> devices_of(const config::HomeAgent& config);

/// Packet memory for all of them.
ports::PoolNeeds pool_needs(const config::HomeAgent& config);

/// One line about a started device: queues, what spreads packets over them, MTU.
std::string describe(const ports::Port& device);

}  // namespace homeward
