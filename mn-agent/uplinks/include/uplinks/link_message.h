#pragma once

#include <cstdint>

#include "uplinks/link_model.h"

struct nlmsghdr;

namespace homeward::uplinks {

/// What one message of rtnetlink, from a dump or a notification, says of interfaces, their addresses and default
/// routes. Anything else, what is cut short, and routes of `own_protocol` change nothing.
void apply(const nlmsghdr& message, std::uint8_t own_protocol, LinkModel& model);

}  // namespace homeward::uplinks
