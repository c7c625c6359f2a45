#include <algorithm>
#include <utility>

#include "implementation.h"

/// What comes back.
namespace homeward::mn::registration {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstLongWait = 30s;  // after a refusal that a repetition will hardly change
constexpr auto kLongestWait = 5min;
constexpr auto kFirstShortWait = 1s;  // after one that may soon be different
constexpr auto kMultipathRetry = 10min;
constexpr auto kDefaultKeepalive = 110s;  // RFC 3519 §3.2
constexpr auto kConfirmation = 1s;
constexpr unsigned kMaxRedirects = 3;
constexpr std::string_view kOneBinding = "the home agent allows one binding at a time";

bool answers(const std::optional<Pending>& pending, Label label, const mip::ReplyHeader& header) {
    return pending && pending->via == label && pending->identification.low() == header.identification.low();
}

Duration doubled(std::chrono::seconds first, unsigned times, std::chrono::seconds longest) {
    return std::min<Duration>(first * (std::int64_t{1} << std::min(times, 10U)), longest);
}

}  // namespace

void Client::Implementation::datagram(Label label, wire::ByteView payload, wire::Ipv4Address source, Now now) {
    const auto framed = mip::frame_reply(payload);
    const auto* frame = std::get_if<mip::ReplyFrame>(&framed);
    if (frame == nullptr) {
        ++counters.replies_unframed;
        return;
    }
    const auto owner = std::find_if(bindings.begin(), bindings.end(), [&](const auto& entry) {
        return answers(entry.second.pending, label, frame->header);
    });
    const bool ends_everything = answers(remove_all, label, frame->header);
    const auto asked = std::find_if(bindings.begin(), bindings.end(), [&](const auto& entry) {
        return answers(entry.second.asked, label, frame->header);
    });
    const auto piece = std::find_if(pieces.begin(), pieces.end(),
                                    [&](const Pending& each) { return answers(each, label, frame->header); });
    const bool expected =
        owner != bindings.end() || asked != bindings.end() || ends_everything || piece != pieces.end();
    if (source != home_agent || !expected) {
        ++counters.replies_unexpected;
        return;
    }
    if (!config.authenticator.verify(frame->authentication)) {
        ++counters.replies_unauthenticated;
        return;
    }
    actions.emplace_back(Heard{label, std::nullopt});
    if (asked != bindings.end()) {
        return asked->second.asked.reset();
    }
    const auto decoded = mip::decode_reply(*frame);
    const auto* reply = std::get_if<mip::RegistrationReply>(&decoded);
    if (reply == nullptr) {
        ++counters.replies_malformed;
        return;
    }
    if (ends_everything) {
        return everything_removed(now);
    }
    const Pending pending = piece != pieces.end() ? *piece : *owner->second.pending;
    Binding& via = *find(pending.via);
    via.round_trip.sample(now.monotonic - pending.sent_at);
    via.last_reply_at = now.monotonic;
    if (piece != pieces.end()) {
        pieces.erase(piece);
        piece_answered(pending, *reply, now);
        send_due(now);
        return;
    }
    owner->second.pending.reset();
    binding_answered(owner->second, pending, *reply, now);
    send_due(now);
}

void Client::Implementation::everything_removed(Now now) {
    remove_all.reset();
    done = true;
    for (auto& [label, binding] : bindings) {
        if (binding.held) {
            removed(binding, now);
        }
    }
}

void Client::Implementation::binding_answered(Binding& binding, const Pending& pending,
                                              const mip::RegistrationReply& reply, Now now) {
    if (!mip::accepted(reply.header.code)) {
        ++counters.replies_denied;
        return denied(binding, pending, reply, now);
    }
    ++counters.replies_accepted;
    if (pending.purpose == Pending::Purpose::removal) {
        take_sync(reply, now);
        removed(binding, now);
    } else {
        registered(binding, pending, reply, now);
    }
}

bool Client::Implementation::learn_home_address(wire::Ipv4Address address) {
    if (home_address == address) {
        return true;
    }
    if (config.home_address || !address.is_unicast()) {
        return false;
    }
    home_address = address;
    actions.emplace_back(HomeAddressAssigned{address});
    return true;
}

void Client::Implementation::registered(Binding& binding, const Pending& answered_request,
                                        const mip::RegistrationReply& reply, Now now) {
    binding.unanswered = 0;
    const bool plain = !reply.udp_tunnel || !reply.udp_tunnel->assents();
    if (plain && !answered_request.may_be_plain) {
        refuse(binding, doubled(kFirstLongWait, binding.refused, kLongestWait),
               "the home agent declined UDP tunnelling (RFC 3519): allow it there", now);
        binding.remove_at = now.monotonic;
        return;
    }
    if (std::min(reply.header.lifetime, answered_request.lifetime) == 0 ||
        !learn_home_address(reply.header.home_address)) {
        refuse(binding, doubled(kFirstShortWait, binding.refused, kLongestBackoff),
               reply.header.lifetime == 0 ? "the home agent granted a lifetime of zero"
                                          : "the home agent answered for another home address",
               now);
        return;
    }
    const bool is_new = !usable(binding.state);
    binding.refused = 0;
    extend(binding, answered_request, reply);
    take_numbering(answered_request, reply);
    take_tunnel(binding, plain);
    wiped = true;
    set_state(binding, State::bound);
    if (is_new) {
        event(Event::Kind::binding_registered, binding.label, "bound to " + binding.care_of.to_string());
    }
    if (answered_request.multipath) {
        answered = true;
        if (!multipath) {  // a home agent that allows it again
            multipath = true;
            for (auto& [label, other] : bindings) {
                if (other.up && !other.draining && label != binding.label) {
                    other.pending.reset();
                    other.after_link_event = true;
                    other.register_at = now.monotonic;
                }
            }
        }
    } else if (multipath) {  // it never answered requests with Multipath; asked once more whether it really does not
        multipath = false;
        multipath_again_at = now.monotonic;
        binding.register_at = now.monotonic + kConfirmation;
    }
    if (!answered_request.multipath || answered_request.overwrite) {
        replaced_by(binding, now);
    }
    policy_after(answered_request, reply, now);
}

/// The lifetime runs from when the request was sent.
void Client::Implementation::extend(Binding& binding, const Pending& answered_request,
                                    const mip::RegistrationReply& reply) {
    const std::chrono::seconds lifetime{std::min(reply.header.lifetime, answered_request.lifetime)};
    binding.expires_at = std::max(binding.expires_at.value_or(Duration{}), answered_request.sent_at + lifetime);
    binding.held_until = *binding.expires_at;
    if (!binding.pending) {
        binding.register_at = answered_request.sent_at + jittered(Duration{lifetime} / 2, 0.9, 1.1);
    }
    if (!reply.udp_tunnel) {
        return;
    }
    const std::chrono::seconds assigned{reply.udp_tunnel->keepalive_s};
    const std::chrono::seconds interval = config.keepalive > 0s ? config.keepalive
                                          : assigned > 0s       ? assigned
                                                                : kDefaultKeepalive;
    binding.keepalive.start(interval, uniform(), answered_request.sent_at);
}

void Client::Implementation::take_tunnel(Binding& binding, bool plain) {
    if (std::exchange(binding.plain, plain) == plain) {
        return;
    }
    actions.emplace_back(TunnelAgreed{binding.label, plain});
    event(Event::Kind::tunnel, binding.label, plain ? "packets travel as IP in IP" : "packets travel in UDP");
}

/// Its packets do not come through: something on the way may let UDP pass and nothing else.
void Client::Implementation::doubt_plain(Binding& binding) {
    binding.udp_only |= binding.plain && !binding.plain_works;
}

/// What a reply does not repeat, the home agent did not agree to: it has another configuration, or is another one.
void Client::Implementation::take_numbering(const Pending& answered_request, const mip::RegistrationReply& reply) {
    if (!config.numbering) {
        return;
    }
    const bool agreed = mip::decode_numbering(mip::joined(reply.vendor, config.organization,
                                                          mip::Numbering::kVendorType)) == config.numbering;
    if (std::exchange(numbering_agreed, agreed) == agreed) {
        return;
    }
    actions.emplace_back(NumberingAgreed{agreed});
    event(Event::Kind::numbering, answered_request.via,
          agreed ? "tunnel packets have sequence numbers"
                 : "the home agent does not number tunnel packets (registration.sequence_numbers there): nothing is "
                   "sent twice, held or resent");
}

/// The home agent holds nothing but `binding` any more.
void Client::Implementation::replaced_by(const Binding& binding, Now now) {
    for (auto& [label, other] : bindings) {
        if (label == binding.label) {
            continue;
        }
        other.held = other.pending && other.pending->purpose == Pending::Purpose::registration;
        other.remove_at.reset();
        if (other.pending && other.pending->purpose == Pending::Purpose::removal) {
            other.pending.reset();
        }
        if (usable(other.state)) {
            other.expires_at.reset();
            other.register_at = now.monotonic;
            other.after_link_event = true;
            set_state(other, multipath ? State::registering : State::idle,
                      multipath ? "replaced by another uplink's registration" : std::string{kOneBinding});
        }
    }
}

void Client::Implementation::removed(Binding& binding, Now now) {
    const bool was_lost = binding.state == State::lost;
    binding.held = false;
    binding.pending.reset();
    binding.expires_at.reset();
    binding.remove_at.reset();
    event(Event::Kind::binding_removed, binding.label, "deregistered");
    if (binding.up && !binding.draining && was_lost) {
        binding.register_at = now.monotonic + jittered(doubled(kFirstShortWait, 3, kLongestBackoff), 1.0, 1.1);
        return;
    }
    binding.register_at.reset();
    binding.keepalive.stop();
    binding.unanswered = 0;
    set_state(binding, State::idle, binding.up ? "drained" : "the uplink is down");
}

/// The binding stays what it is until its lifetime ends, if it has one; else it is lost. Tried again after `wait`.
void Client::Implementation::refuse(Binding& binding, Duration wait, std::string reason, Now now) {
    ++binding.refused;
    binding.register_at = now.monotonic + jittered(wait, 1.0, 1.1);
    event(Event::Kind::registration_denied, binding.label, reason);
    if (!usable(binding.state)) {
        set_state(binding, State::lost, std::move(reason));
    } else {
        binding.reason = std::move(reason);
    }
}

void Client::Implementation::identification_mismatch(Binding& binding, const Pending& answered_request,
                                                     const mip::ReplyHeader& header, Now now) {
    ++counters.resynchronisations;
    if (identifications.resynchronise(answered_request.identification, header.identification.high())) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(identifications.offset()).count();
        event(Event::Kind::clock_adjusted, binding.label,
              "identifications follow the home agent's clock, " + std::to_string(seconds) + " s from ours");
    }
    const Duration wait =
        binding.refused == 0 ? Duration{} : doubled(kFirstShortWait, binding.refused, kLongestBackoff);
    ++binding.refused;
    auto& again_at = answered_request.purpose == Pending::Purpose::removal ? binding.remove_at : binding.register_at;
    again_at = now.monotonic + wait;
    binding.after_link_event |= binding.refused == 1;
}

void Client::Implementation::denied(Binding& binding, const Pending& answered_request,
                                    const mip::RegistrationReply& reply, Now now) {
    binding.unanswered = 0;
    const mip::ReplyCode code = reply.header.code;
    const std::string reason = "the home agent refused: " + mip::text(code);
    if (answered_request.multipath && code != mip::ReplyCode::multipath_not_allowed) {
        answered = true;
    }
    if (code == mip::ReplyCode::identification_mismatch) {
        identification_mismatch(binding, answered_request, reply.header, now);
        return;
    }
    if (answered_request.purpose == Pending::Purpose::removal) {
        ++binding.refused;
        event(Event::Kind::registration_denied, binding.label, reason);
        binding.remove_at = now.monotonic + doubled(kFirstShortWait, binding.refused, kLongestBackoff);
        return;
    }
    switch (code) {
        case mip::ReplyCode::unknown_home_agent:
            if (reply.header.home_agent.is_unicast() && reply.header.home_agent != home_agent &&
                redirects++ < kMaxRedirects) {
                home_agent = reply.header.home_agent;
                refuse(binding, kFirstShortWait, reason + "; tries " + home_agent.to_string(), now);
                return;
            }
            break;
        case mip::ReplyCode::encapsulation_unavailable:
            if (answered_request.may_be_plain) {
                plain_refused = true;
                refuse(binding, 0s, reason + "; forces UDP", now);
                binding.after_link_event = true;
                return;
            }
            break;
        case mip::ReplyCode::udp_encapsulation_unavailable:
            encapsulation_from_flags = !encapsulation_from_flags;
            break;
        case mip::ReplyCode::multipath_not_allowed:
            multipath = false;
            multipath_again_at = now.monotonic + kMultipathRetry;
            refuse(binding, 0s, reason + "; registers one uplink only", now);
            binding.after_link_event = true;
            return;
        case mip::ReplyCode::invalid_binding_identifier:
            flow_bindings_refused = answered_request.flow_bindings;
            [[fallthrough]];
        case mip::ReplyCode::insufficient_resources:
        case mip::ReplyCode::unspecified:
            refuse(binding, doubled(kFirstShortWait, binding.refused, kLongestBackoff), reason, now);
            return;
        default:
            break;
    }
    refuse(binding, doubled(kFirstLongWait, binding.refused, kLongestWait), reason, now);
}

bool Client::Implementation::echo_reply(Label label, wire::ByteView inner_packet, Now now) {
    Binding* binding = find(label);
    if (binding == nullptr || !binding->echo) {
        return false;
    }
    const auto echo = mip::decode_echo_reply(inner_packet);
    if (!echo || echo->source != binding->echo->destination || echo->destination != binding->echo->source ||
        echo->identifier != binding->echo->identifier || echo->sequence != binding->echo->sequence ||
        echo->nonce != binding->echo->nonce) {
        return false;
    }
    ++counters.keepalives_answered;
    binding->round_trip.sample(now.monotonic - binding->echo_sent_at);
    binding->last_reply_at = binding->last_echo_at = now.monotonic;
    binding->keepalive.answered(now.monotonic);
    binding->plain_works |= binding->plain;
    actions.emplace_back(Heard{label, now.monotonic - binding->echo_sent_at});
    binding->echo.reset();
    return true;
}

}  // namespace homeward::mn::registration
