#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "binding.h"
#include "identification_source.h"
#include "mip/reply.h"
#include "mip/request.h"
#include "policy/sync_sender.h"
#include "registration/client.h"

namespace homeward::mn::registration {

/// No wait for a silent home agent is longer.
inline constexpr std::chrono::seconds kLongestBackoff{30};

/// The node as a whole. What each file adds: events.cpp what happened to uplinks, schedule.cpp what is due,
/// requests.cpp what is sent, replies.cpp what comes back.
struct Client::Implementation {
    explicit Implementation(ClientConfig given);

    // events.cpp
    void uplink_up(Label label, std::uint8_t technology, wire::Ipv4Address care_of, std::uint64_t gateway_id, Now now);
    void uplink_down(Label label, Now now);
    void drain(Label label, Now now);
    void shut_down(Now now);
    void refresh(Label label, Now now);
    void ask(Label label, Now now);

    // schedule.cpp
    void tick(Now now);
    std::optional<Duration> next_deadline() const;
    void send_due(Now now);

    // replies.cpp
    void datagram(Label label, wire::ByteView payload, wire::Ipv4Address source, Now now);
    bool echo_reply(Label label, wire::ByteView inner_packet, Now now);

    // requests.cpp
    void send_registration(Binding& binding, Now now);
    void send_removal(Binding& binding, Label via, Now now);
    void send_remove_all(Now now);
    void send_question(Binding& binding, Now now);
    void send_echo(Binding& binding, Now now);

    mip::RegistrationRequest renewal_of(const Binding& binding) const;
    Pending send(Binding& via, mip::RegistrationRequest& request, Pending::Purpose purpose, unsigned earlier, Now now);

    // policy_transfer.cpp
    void policy_changed(std::shared_ptr<const policy::Policy> table, policy::Generation named, Now now);
    void attach_policy(mip::RegistrationRequest& request, Label label, Now now);
    void send_pieces(Now now);
    void piece_answered(const Pending& piece, const mip::RegistrationReply& reply, Now now);
    void policy_after(const Pending& answered_request, const mip::RegistrationReply& reply, Now now);
    void take_sync(const mip::RegistrationReply& reply, Now now);
    bool may_send_pieces(Now now) const;
    bool needs_flow_bindings(const policy::LabelList& live) const;
    policy::LabelList live_with(Label label) const;

    // schedule.cpp, private parts
    void expire(Binding& binding, Now now);
    void time_out(Binding& binding, Now now);
    void tick_shutdown(Now now);
    void tick_keepalive(Binding& binding, Now now);
    void judge_path(Binding& binding, Now now);
    Duration gate() const;
    Duration may_register_at(const Binding& binding) const;
    bool may_send_registration(const Binding& binding) const;
    void send_removals(Now now, bool regardless_of_gate);

    // replies.cpp, private parts
    void everything_removed(Now now);
    void binding_answered(Binding& binding, const Pending& answered, const mip::RegistrationReply& reply, Now now);
    void registered(Binding& binding, const Pending& answered, const mip::RegistrationReply& reply, Now now);
    void denied(Binding& binding, const Pending& answered, const mip::RegistrationReply& reply, Now now);
    void extend(Binding& binding, const Pending& answered, const mip::RegistrationReply& reply);
    void take_tunnel(Binding& binding, bool plain);
    void doubt_plain(Binding& binding);
    void take_numbering(const Pending& answered, const mip::RegistrationReply& reply);
    void replaced_by(const Binding& binding, Now now);
    void removed(Binding& binding, Now now);
    void identification_mismatch(Binding& binding, const Pending& answered, const mip::ReplyHeader& header, Now now);
    bool learn_home_address(wire::Ipv4Address address);
    void refuse(Binding& binding, Duration wait, std::string reason, Now now);

    // implementation.cpp
    Binding* find(Label label);
    /// The uplink to speak of `subject` by, other than itself: usable, not draining if possible, the fastest.
    std::optional<Label> survivor(Label subject) const;
    std::optional<Label> way_to_remove(const Binding& binding) const;
    bool is_primary(const Binding& binding) const;
    void set_state(Binding& binding, State state, std::string reason = {});
    void publish(Binding& binding);
    void event(Event::Kind kind, Label label, std::string text);
    double uniform();
    Duration jittered(Duration base, double least, double most);
    BindingStatus status(const Binding& binding) const;

    ClientConfig config;
    std::map<Label, Binding> bindings;
    IdentificationSource identifications;
    std::optional<wire::Ipv4Address> home_address;
    wire::Ipv4Address home_agent;
    std::vector<Action> actions;
    Counters counters;
    std::uint16_t echo_sequence = 0;
    std::uint16_t echo_identifier = 0;

    std::optional<bool> numbering_agreed;  ///< none: not asked yet
    bool wiped = false;     ///< a registration of this run was accepted, so no binding of an earlier run is left
    bool answered = false;  ///< the home agent answered a request with Multipath
    bool multipath = true;  ///< false: one plain registration at a time
    Duration multipath_again_at{};          ///< when not: try it then
    bool encapsulation_from_flags = false;  ///< after code 142
    bool plain_refused = false;             ///< by code 139
    unsigned redirects = 0;

    policy::SyncSender sync;
    std::shared_ptr<const policy::Policy> policy;
    policy::Generation generation;  ///< of `policy`
    bool knows_sync = true;         ///< the home agent understands the policy synchronisation, for all we know
    std::deque<Pending> pieces;     ///< unanswered renewals that carry pieces, oldest first
    std::optional<policy::Generation> flow_table;  ///< accepted as flow bindings
    policy::LabelList flow_table_ids;              ///< the binding ids it named
    bool flow_bindings_refused = false;            ///< not again before the table changes
    std::optional<policy::Generation> published_peer;
    bool published_synchronised = false;

    std::optional<Duration> shutting_down_until;
    std::optional<Pending> remove_all;
    bool done = false;
};

}  // namespace homeward::mn::registration
