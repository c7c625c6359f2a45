#include "validity.h"

namespace homeward::registration {
namespace {

using mip::ReplyCode;
using Refusal = std::optional<ReplyCode>;

Refusal check_addressing(const Surroundings& around, const Claim& claim) {
    if (claim.to_broadcast || claim.header().home_agent != around.config.address) {
        return ReplyCode::unknown_home_agent;
    }
    if (!around.home_address) {
        return ReplyCode::administratively_prohibited;
    }
    if (std::holds_alternative<mip::Malformed>(claim.decoded)) {
        return ReplyCode::poorly_formed;
    }
    return std::nullopt;
}

Refusal check_tunnel(const Surroundings& around, const Claim& claim, const mip::RegistrationRequest& request) {
    if (claim.header().has(mip::kMinimal) || claim.header().has(mip::kGre)) {
        return ReplyCode::encapsulation_unavailable;
    }
    if (request.udp_tunnel && request.udp_tunnel->encapsulation != mip::kEncapsulationIp &&
        request.udp_tunnel->encapsulation != mip::kEncapsulationFromFlags) {
        return ReplyCode::udp_encapsulation_unavailable;
    }
    if (around.config.registration.require_reverse_tunnel && !claim.header().has(mip::kReverseTunnel)) {
        return ReplyCode::reverse_tunnel_mandatory;
    }
    return std::nullopt;
}

/// Packets would come back to us, or reach nobody, or somebody else's home address: two nodes bound to each other
/// would be a loop.
bool usable_care_of(const Surroundings& around, wire::Ipv4Address care_of) {
    return care_of.is_unicast() && care_of != around.config.address && !around.is_home_address(care_of);
}

Refusal check_care_of(const Surroundings& around, const Claim& claim, const mip::RegistrationRequest& request) {
    const config::Registration& rules = around.config.registration;
    const bool behind_nat = claim.source.address != claim.header().care_of;
    const bool tunnel = request.udp_tunnel && !request.udp_tunnel->through_foreign_agent;
    if (behind_nat && (!tunnel || !rules.nat_traversal)) {
        return ReplyCode::administratively_prohibited;
    }
    if (!behind_nat && tunnel && request.udp_tunnel->forced && !rules.forced_udp) {
        return ReplyCode::administratively_prohibited;
    }
    if (!usable_care_of(around, claim.header().care_of) || !usable_care_of(around, claim.source.address)) {
        return ReplyCode::administratively_prohibited;
    }
    if (!rules.ip_in_ip && is_plain(claim)) {
        return ReplyCode::encapsulation_unavailable;
    }
    return std::nullopt;
}

}  // namespace

bool is_plain(const Claim& claim) {
    const std::optional<mip::UdpTunnelRequest>& asked = claim.request()->udp_tunnel;
    const bool behind_nat = claim.source.address != claim.header().care_of;
    return !behind_nat && (!asked || asked->through_foreign_agent || !asked->forced);
}

Refusal refusal(const Surroundings& around, const Claim& claim) {
    if (const Refusal refused = check_addressing(around, claim)) {
        return refused;
    }
    const mip::RegistrationRequest& request = *claim.request();
    if (const Refusal refused = check_tunnel(around, claim, request)) {
        return refused;
    }
    if (claim.header().lifetime != 0) {
        if (const Refusal refused = check_care_of(around, claim, request)) {
            return refused;
        }
    }
    if (!around.config.registration.multipath && (request.multipath || !request.flow_bindings.empty())) {
        return ReplyCode::multipath_not_allowed;
    }
    return std::nullopt;
}

}  // namespace homeward::registration
