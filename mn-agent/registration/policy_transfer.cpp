#include <algorithm>

#include "flow_bindings.h"
#include "implementation.h"

/// How the node's table gets to the home agent.
///
/// Every request names the table, and carries a piece of it while the home agent has another (policy/sync_sender.h);
/// a small one is complete with the first registration. What does not fit travels in further renewals, several in
/// flight, over the fastest uplink. A home agent whose replies say nothing about tables does not know our extension:
/// it gets RFC 7629 flow bindings while they fit one message, again whenever another uplink becomes live.
namespace homeward::mn::registration {
namespace {

using namespace std::chrono_literals;

/// UDP payload that every path carries unfragmented which has the least MTU that IPv6 demands of links.
constexpr std::size_t kLargestDatagram = 1280 - 28;
constexpr std::size_t kVendorHeader = 10;
constexpr std::size_t kAuthenticationHeader = 6;
constexpr std::size_t kMostPieces = 1024;  ///< remembered while unanswered
constexpr int kBurst = 64;                 ///< pieces sent in one call; the next call goes on

/// What fits one message besides `used` bytes, when it is cut into vendor extensions.
std::size_t room_for_payload(std::size_t used) {
    constexpr std::size_t kPiece = kVendorHeader + mip::VendorExtension::kMaxPayload;
    const std::size_t room = used < kLargestDatagram ? kLargestDatagram - used : 0;
    const std::size_t rest = room % kPiece;
    return room / kPiece * mip::VendorExtension::kMaxPayload + (rest > kVendorHeader ? rest - kVendorHeader : 0);
}

std::size_t encoded_size(const std::vector<mip::FlowBinding>& bindings) {
    std::size_t size = 0;
    for (const mip::FlowBinding& binding : bindings) {
        size += mip::encoded_size(binding);
    }
    return size;
}

}  // namespace

policy::LabelList Client::Implementation::live_with(Label label) const {
    policy::LabelList live{label};
    for (const auto& [other, binding] : bindings) {
        if (usable(binding.state)) {
            live.push_back(other);
        }
    }
    return live;
}

bool Client::Implementation::needs_flow_bindings(const policy::LabelList& live) const {
    if (!policy || knows_sync || flow_bindings_refused) {
        return false;
    }
    return flow_table != generation ||
           !std::all_of(live.begin(), live.end(), [&](Label label) { return flow_table_ids.contains(label); });
}

void Client::Implementation::attach_policy(mip::RegistrationRequest& request, Label label, Now now) {
    if (!policy) {
        return;
    }
    const std::size_t used = mip::encode_unsigned(request).size() + kAuthenticationHeader + config.authenticator.size();
    wire::Bytes payload = sync.state();
    if (request.header.lifetime == 0) {
        // A removal brings no table.
    } else if (knows_sync) {
        payload = sync.request(room_for_payload(used), now.monotonic);
    } else if (const policy::LabelList live = live_with(label); request.multipath && needs_flow_bindings(live)) {
        auto flows = flow_bindings_of(*policy, live);
        if (used + encoded_size(flows) + kVendorHeader + payload.size() <= kLargestDatagram) {
            request.flow_bindings = std::move(flows);
        } else {
            flow_bindings_refused = true;
            event(Event::Kind::registration_denied, 0,
                  "the home agent takes no larger tables: its own policy decides on the way down");
        }
    }
    mip::append_in_pieces(request.vendor, config.organization, policy::kSyncVendorType, payload);
}

void Client::Implementation::send_pieces(Now now) {
    for (int i = 0; i < kBurst && may_send_pieces(now) && sync.due(now.monotonic); ++i) {
        Binding& via = *find(*survivor(0));
        mip::RegistrationRequest request = renewal_of(via);
        attach_policy(request, via.label, now);
        pieces.push_back(send(via, request, Pending::Purpose::registration, 0, now));
        ++counters.policy_chunks_sent;
        if (pieces.size() > kMostPieces) {
            pieces.pop_front();
        }
    }
}

/// Not while a request is out on another uplink: pieces would overtake it, and it be refused.
bool Client::Implementation::may_send_pieces(Now now) const {
    const auto via = policy && knows_sync ? survivor(0) : std::nullopt;
    return via && std::none_of(bindings.begin(), bindings.end(), [&](const auto& entry) {
               const auto& pending = entry.second.pending;
               return pending && pending->via != *via && pending->gate_until > now.monotonic;
           });
}

void Client::Implementation::piece_answered(const Pending& piece, const mip::RegistrationReply& reply, Now now) {
    Binding& binding = *find(piece.via);
    if (!mip::accepted(reply.header.code)) {
        ++counters.replies_denied;
        if (reply.header.code == mip::ReplyCode::identification_mismatch) {
            identifications.resynchronise(piece.identification, reply.header.identification.high());
        }
        return;
    }
    ++counters.replies_accepted;
    if (usable(binding.state)) {
        extend(binding, piece, reply);
    }
    take_sync(reply, now);
}

void Client::Implementation::take_sync(const mip::RegistrationReply& reply, Now now) {
    if (!mip::has(reply.vendor, config.organization, policy::kSyncVendorType)) {
        return;
    }
    knows_sync = true;
    if (!sync.reply(mip::joined(reply.vendor, config.organization, policy::kSyncVendorType), now.monotonic)) {
        ++counters.replies_malformed;
        return;
    }
    if (sync.peer() != published_peer || sync.synchronised() != published_synchronised) {
        if (sync.synchronised() && !published_synchronised) {
            event(Event::Kind::policy_synchronised, 0,
                  "the home agent applies version " + std::to_string(generation.version) + " of our policy");
        }
        published_peer = sync.peer();
        published_synchronised = sync.synchronised();
        actions.emplace_back(PolicyOfHomeAgent{sync.peer().value_or(policy::Generation{}), sync.synchronised()});
    }
}

/// A registration was accepted whose reply may tell how the home agent learns tables.
void Client::Implementation::policy_after(const Pending& answered_request, const mip::RegistrationReply& reply,
                                          Now now) {
    take_sync(reply, now);
    if (!policy) {
        return;
    }
    if (answered_request.names_table && !mip::has(reply.vendor, config.organization, policy::kSyncVendorType)) {
        knows_sync = false;
    }
    if (answered_request.flow_bindings) {
        flow_table = answered_request.table;
        flow_table_ids = answered_request.flow_ids;
    }
    if (const auto via = survivor(0); via && needs_flow_bindings(live_with(*via))) {
        find(*via)->register_at = now.monotonic;
    }
}

void Client::Implementation::policy_changed(std::shared_ptr<const policy::Policy> table, policy::Generation named,
                                            Now now) {
    policy = std::move(table);
    generation = named;
    flow_bindings_refused = false;
    sync.set(policy, generation);
    if (published_synchronised) {
        published_synchronised = false;
        actions.emplace_back(PolicyOfHomeAgent{sync.peer().value_or(policy::Generation{}), false});
    }
    if (const auto via = survivor(0); via && needs_flow_bindings(live_with(*via))) {
        find(*via)->register_at = now.monotonic;
    }
    send_due(now);
}

}  // namespace homeward::mn::registration
