#include <algorithm>

#include "implementation.h"

/// What is sent.
namespace homeward::mn::registration {
namespace {

/// Timeouts in a row before a home agent that never answered gets a plain registration (it may not know type 154,
/// and drops what it does not know in silence).
constexpr unsigned kTimeoutsBeforePlain = 3;

mip::RegistrationRequest request_of(const Client::Implementation& node, const Binding& via, std::uint16_t lifetime) {
    mip::RegistrationRequest request;
    request.header = {.flags = mip::kColocated | mip::kReverseTunnel,
                      .lifetime = lifetime,
                      .home_address = node.home_address.value_or(wire::Ipv4Address{}),
                      .home_agent = node.home_agent,
                      .care_of = via.care_of};
    if (!node.config.nai.empty()) {
        request.nai = node.config.nai;
    }
    request.udp_tunnel = mip::UdpTunnelRequest{
        .forced = !node.config.ip_in_ip || node.plain_refused || via.udp_only,
        .encapsulation = node.encapsulation_from_flags ? mip::kEncapsulationFromFlags : mip::kEncapsulationIp};
    if (node.config.numbering && lifetime != 0) {
        mip::append_in_pieces(request.vendor, node.config.organization, mip::Numbering::kVendorType,
                              mip::encode(*node.config.numbering));
    }
    return request;
}

}  // namespace

Pending Client::Implementation::send(Binding& via, mip::RegistrationRequest& request, Pending::Purpose purpose,
                                     unsigned earlier, Now now) {
    request.header.identification = identifications.next(now.unix_time, static_cast<std::uint16_t>(config.random()));
    Pending pending;
    pending.purpose = purpose;
    pending.via = via.label;
    pending.identification = request.header.identification;
    pending.sent_at = now.monotonic;
    pending.lifetime = request.header.lifetime;
    pending.multipath = request.multipath.has_value();
    pending.overwrite = request.multipath && request.multipath->overwrite;
    pending.may_be_plain = request.udp_tunnel && !request.udp_tunnel->forced;
    pending.names_table = mip::has(request.vendor, config.organization, policy::kSyncVendorType);
    pending.flow_bindings = !request.flow_bindings.empty();
    const Duration first = via.round_trip.timeout();
    pending.gate_until = now.monotonic + first;
    const Duration longest = std::max<Duration>(first, std::min<Duration>(config.lifetime, kLongestBackoff));
    const Duration wait = std::min<Duration>(first * (std::int64_t{1} << std::min(earlier, 8U)), longest);
    pending.deadline = now.monotonic + jittered(wait, 1.0, 1.1);
    via.keepalive.sent(now.monotonic);
    ++counters.requests_sent;
    counters.retransmissions += earlier > 0 ? 1 : 0;
    actions.emplace_back(SendRegistration{via.label, mip::encode(request, config.authenticator)});
    return pending;
}

mip::RegistrationRequest Client::Implementation::renewal_of(const Binding& binding) const {
    mip::RegistrationRequest request = request_of(*this, binding, static_cast<std::uint16_t>(config.lifetime.count()));
    if (multipath) {
        request.multipath =
            mip::Multipath{.technology = binding.technology, .label = binding.label, .binding_id = binding.label};
    }
    return request;
}

void Client::Implementation::send_registration(Binding& binding, Now now) {
    mip::RegistrationRequest request = request_of(*this, binding, static_cast<std::uint16_t>(config.lifetime.count()));
    const bool try_multipath = multipath || now.monotonic >= multipath_again_at;
    const bool try_plain = multipath && !answered && binding.unanswered >= kTimeoutsBeforePlain &&
                           binding.unanswered % 2 == 1 && is_primary(binding);
    if (try_multipath && !try_plain) {
        const bool alone = !survivor(binding.label);
        const bool others_held = std::any_of(bindings.begin(), bindings.end(), [&](const auto& entry) {
            return entry.first != binding.label && entry.second.held;
        });
        request.multipath = mip::Multipath{.technology = binding.technology,
                                           .label = binding.label,
                                           .binding_id = binding.label,
                                           .overwrite = alone && (!wiped || others_held)};
    }
    attach_policy(request, binding.label, now);
    binding.pending = send(binding, request, Pending::Purpose::registration, binding.unanswered, now);
    binding.pending->table = generation;
    binding.pending->flow_ids = live_with(binding.label);
    if (binding.unanswered == 0) {
        binding.unanswered_since = now.monotonic;
    }
    binding.last_request_at = now.monotonic;
    binding.after_link_event = false;
    binding.register_at.reset();
    binding.held = true;
    binding.held_until = now.monotonic + config.lifetime;
    if (binding.state == State::bound) {
        set_state(binding, State::renewing);
    } else if (binding.state == State::idle) {
        set_state(binding, State::registering, "waits for the home agent's first reply");
    }
}

void Client::Implementation::send_removal(Binding& binding, Label via_label, Now now) {
    Binding& via = *find(via_label);
    mip::RegistrationRequest request = request_of(*this, via, 0);
    if (multipath) {
        request.multipath =
            mip::Multipath{.technology = binding.technology, .label = binding.label, .binding_id = binding.label};
    } else {
        request.header.care_of = binding.care_of;
    }
    attach_policy(request, via.label, now);
    binding.pending = send(via, request, Pending::Purpose::removal, binding.unanswered, now);
    binding.remove_at.reset();
    binding.register_at.reset();
}

/// It is a removal of this binding: harmless, for it is gone, and once more what shall happen if the home agent should
/// still have it.
void Client::Implementation::send_question(Binding& binding, Now now) {
    mip::RegistrationRequest request = request_of(*this, binding, 0);
    if (multipath) {
        request.multipath =
            mip::Multipath{.technology = binding.technology, .label = binding.label, .binding_id = binding.label};
    }
    binding.asked = send(binding, request, Pending::Purpose::question, 0, now);
}

void Client::Implementation::send_remove_all(Now now) {
    const auto usable_via = survivor(0);
    const auto any_up = std::find_if(bindings.begin(), bindings.end(), [](const auto& e) { return e.second.up; });
    if (!usable_via && any_up == bindings.end()) {
        done = true;
        return;
    }
    Binding& via = usable_via ? *find(*usable_via) : any_up->second;
    mip::RegistrationRequest request = request_of(*this, via, 0);
    if (multipath) {
        request.multipath =
            mip::Multipath{.technology = via.technology, .label = via.label, .binding_id = via.label, .bulk = true};
    }
    remove_all = send(via, request, Pending::Purpose::removal, 0, now);
}

void Client::Implementation::send_echo(Binding& binding, Now now) {
    if (!home_address) {
        return;
    }
    binding.echo = mip::Keepalive{.source = *home_address,
                                  .destination = home_agent,
                                  .packet_id = static_cast<std::uint16_t>(config.random()),
                                  .identifier = echo_identifier,
                                  .sequence = ++echo_sequence,
                                  .nonce = config.random()};
    binding.echo_sent_at = now.monotonic;
    ++counters.keepalives_sent;
    actions.emplace_back(SendKeepalive{binding.label, mip::encode_echo_request(*binding.echo)});
}

}  // namespace homeward::mn::registration
