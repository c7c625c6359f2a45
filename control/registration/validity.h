#pragma once

#include <functional>
#include <optional>

#include "config/home_agent.h"
#include "mip/reply.h"
#include "node.h"

namespace homeward::registration {

/// What the checks of an authentic, fresh request look at besides the request.
struct Surroundings {
    const config::HomeAgent& config;
    std::optional<wire::Ipv4Address> home_address;           ///< that the node would get; none: not served
    std::function<bool(wire::Ipv4Address)> is_home_address;  ///< of any node
};

/// The first reason to refuse, in the order of docs/registration.md from "sent to broadcast" to "Multipath not
/// enabled"; limits depend on the state that would follow and are checked there (transition.h).
std::optional<mip::ReplyCode> refusal(const Surroundings& surroundings, const Claim& claim);

/// Of a well-formed request: whether it ends with plain IP in IP (RFC 2003), as RFC 3519 §4 has it where there is no
/// NAT and UDP is not forced.
bool is_plain(const Claim& claim);

}  // namespace homeward::registration
