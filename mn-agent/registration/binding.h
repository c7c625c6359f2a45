#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "keepalive_timer.h"
#include "mip/keepalive.h"
#include "registration/client.h"
#include "round_trip.h"

namespace homeward::mn::registration {

/// A request that waits for its reply. At most one per binding, besides those that only carry pieces of the policy:
/// only a reply to the most recent request counts (RFC 5944 §3.6.2).
struct Pending {
    enum class Purpose : std::uint8_t { registration, removal, question };

    Purpose purpose{};
    Label via = 0;  ///< the uplink it left by
    mip::Identification identification;
    Duration sent_at{};
    Duration deadline{};    ///< then it is repeated
    Duration gate_until{};  ///< until then no other binding sends a request, so that they cannot overtake each other
    std::uint16_t lifetime = 0;
    bool multipath = false;
    bool overwrite = false;
    bool may_be_plain = false;   ///< it does not force UDP
    bool names_table = false;    ///< the policy synchronisation speaks in it
    bool flow_bindings = false;  ///< it brings the table `table`, naming `flow_ids`
    policy::Generation table{};
    policy::LabelList flow_ids;
};

/// One uplink and what the home agent knows of it. Its binding id is its label.
///
///   idle ──uplink_up──► registering ──accepted──► bound ──half the lifetime──► renewing ──accepted──► bound
///                           ▲  │ refused, or          ▲                            │ no reply while another uplink is
///                           │  ▼ no reply             └───── accepted ──────┐      ▼ answered; or the lifetime is over
///                           └─ lost ◄───────────────────────────────────────┴──── lost
///
/// `uplink_down` and an answered removal lead to idle from everywhere. A changed care-of address or gateway leads back
/// to registering, for the home agent still uses the old ones. While `held`, the home agent may send packets into
/// this uplink; if it cannot carry them any more, `remove_at` says when to tell so over another one.
struct Binding {
    Label label = 0;
    std::uint8_t technology = 0;
    wire::Ipv4Address care_of;
    std::uint64_t gateway_id = 0;
    bool up = false;
    bool draining = false;
    bool held = false;         ///< the home agent may have this binding
    bool plain = false;        ///< its tunnel is IP in IP without UDP
    bool plain_works = false;  ///< something came back through it
    bool udp_only = false;     ///< nothing came through without UDP; until it moves
    State state = State::idle;
    std::string reason;

    std::optional<Pending> pending;
    std::optional<Pending> asked;  ///< a question about the path; nobody waits for its reply
    std::optional<Duration> register_at;
    std::optional<Duration> remove_at;
    std::optional<Duration> expires_at;  ///< of the last accepted registration
    Duration held_until{};               ///< while `held`: when the home agent forgets it by itself
    std::optional<Duration> last_request_at;
    std::optional<Duration> last_reply_at;  ///< registration or echo
    std::optional<Duration> last_echo_at;   ///< answered
    Duration unanswered_since{};            ///< of the first of `unanswered` requests
    unsigned unanswered = 0;                ///< requests in a row without a reply
    unsigned refused = 0;                   ///< replies in a row that denied
    bool after_link_event = false;          ///< the next request need not keep a second's distance to the last

    RoundTrip round_trip;
    KeepaliveTimer keepalive;
    std::optional<mip::Keepalive> echo;  ///< the last one sent
    Duration echo_sent_at{};

    std::optional<State> published_state;
    bool published_draining = false;
};

}  // namespace homeward::mn::registration
