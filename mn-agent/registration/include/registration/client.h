#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mip/authenticator.h"
#include "mip/identification.h"
#include "mip/numbering.h"
#include "policy/generation.h"
#include "policy/rule.h"
#include "wire/cursor.h"
#include "wire/ipv4.h"

/// The node's registrations (RFC 5944 §3.6, RFC 7629, RFC 3519): a pure state machine. It owns no socket and no
/// clock; whoever drives it hands in what happened and when, takes the actions out, and calls `tick` at
/// `next_deadline()`. docs/registration-node.md explains the timers.
namespace homeward::mn::registration {

using policy::Label;
using Duration = std::chrono::nanoseconds;

/// The two clocks of one moment. `monotonic` counts from any epoch and drives every timer; `unix_time` may jump and
/// only makes identifications.
struct Now {
    Duration monotonic{};
    mip::UnixTime unix_time{};
};

struct ClientConfig {
    std::string nai;                                ///< empty: none; then `home_address` is set
    std::optional<wire::Ipv4Address> home_address;  ///< none: assigned by the home agent
    wire::Ipv4Address home_agent;
    mip::Authenticator authenticator;
    std::chrono::seconds lifetime{60};        ///< asked for; 1–65534
    std::chrono::seconds keepalive{0};        ///< 0: what the home agent assigns
    std::uint32_t organization = 32473;       ///< RFC 3115 number of the policy synchronisation
    std::optional<mip::Numbering> numbering;  ///< asked for with every registration; none: nothing is
    bool ip_in_ip = false;                    ///< takes tunnels without UDP where the home agent sees no NAT
    /// How long a draining uplink's binding is kept after `drain`, so that packets already on their way up it still
    /// find it at the home agent; twice the uplink's round trip if that is longer.
    std::chrono::milliseconds drain_settle{500};
    std::function<std::uint64_t()> random;  ///< uniform; for identifications, nonces and jitter
};

enum class State : std::uint8_t {
    idle,  ///< no binding: the uplink is down, drained, or not yet tried
    registering,
    bound,     ///< flows may use the uplink
    renewing,  ///< as bound; a renewal is unanswered
    lost,      ///< the home agent does not answer on this uplink, or refuses; tried again with back-off
};
std::string_view name(State state) noexcept;
constexpr bool usable(State state) noexcept {
    return state == State::bound || state == State::renewing;
}

/// One uplink's binding, for `homeward show`. Times are on the monotonic clock.
struct BindingStatus {
    Label label = 0;
    State state = State::idle;
    bool up = false;  ///< between uplink_up and uplink_down
    bool draining = false;
    wire::Ipv4Address care_of;
    std::optional<Duration> round_trip;  ///< smoothed, from registrations and keepalives
    std::optional<Duration> last_reply_at;
    std::optional<Duration> renews_at;
    std::optional<Duration> expires_at;
    std::chrono::seconds keepalive{0};  ///< in force; 0: none assigned yet
    std::string reason;                 ///< why the state is not `bound`, one phrase; empty when it is
};

// What the driver has to do ------------------------------------------------------------------------------------------

/// Send to the home agent's port 434 from the uplink's tunnel socket, always the same source port.
struct SendRegistration {
    Label label = 0;
    wire::Bytes datagram;
};
/// Put the tunnel header in front and send like tunnelled data over exactly this uplink, whatever the policy says.
struct SendKeepalive {
    Label label = 0;
    wire::Bytes packet;  ///< inner IPv4 packet
};
/// The binding's state, or its draining mark, changed. Steer new packets only to usable ones that do not drain. After
/// a drained uplink went idle, keep receiving on it for what is still on its way down.
struct BindingChanged {
    BindingStatus status;
};
/// The home address is now known (asked for by NAI), or changed. Comes before the BindingChanged it belongs to.
struct HomeAddressAssigned {
    wire::Ipv4Address address;
};
/// What the home agent says it applies; `synchronised` when it is our own table.
struct PolicyOfHomeAgent {
    policy::Generation generation;
    bool synchronised = false;
};
/// Whether the home agent agreed to what ClientConfig::numbering asks for. Comes when that changes; at first it has
/// not.
struct NumberingAgreed {
    bool agreed = false;
};
/// What the uplink's packets travel in, from now on: IP in IP (RFC 2003), or UDP again. Comes when that changes, before
/// the BindingChanged it belongs to; at first it is UDP.
struct TunnelAgreed {
    Label label = 0;
    bool plain = false;
};
/// The home agent was heard on this uplink: an authentic reply, or the answer to a keepalive.
struct Heard {
    Label label = 0;
    std::optional<Duration> round_trip;  ///< of the path alone: keepalives; a reply is late by the home agent's work
};
/// For the log and `homeward monitor`.
struct Event {
    enum class Kind : std::uint8_t {
        binding_registered,
        binding_removed,
        binding_lost,
        registration_denied,
        clock_adjusted,
        mapping_lost,
        policy_synchronised,
        numbering,
        tunnel
    };
    Kind kind{};
    Label label = 0;  ///< 0: the whole node
    std::string text;
};
std::string_view name(Event::Kind kind) noexcept;  ///< "binding-registered", as in docs/admin-api.md

using Action = std::variant<SendRegistration, SendKeepalive, BindingChanged, HomeAddressAssigned, PolicyOfHomeAgent,
                            NumberingAgreed, TunnelAgreed, Heard, Event>;

struct Counters {
    std::uint64_t requests_sent = 0;
    std::uint64_t retransmissions = 0;
    std::uint64_t keepalives_sent = 0;
    std::uint64_t keepalives_answered = 0;
    std::uint64_t replies_accepted = 0;
    std::uint64_t replies_denied = 0;
    std::uint64_t replies_unframed = 0;  ///< not a reply, or cut short
    std::uint64_t replies_unauthenticated = 0;
    std::uint64_t replies_unexpected = 0;  ///< no request of that identification is pending on that uplink
    std::uint64_t replies_malformed = 0;
    std::uint64_t resynchronisations = 0;  ///< code 133
    std::uint64_t policy_chunks_sent = 0;
};

class Client {
  public:
    explicit Client(ClientConfig config);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// The uplink can carry packets: it has a link, `care_of` and a way out through `gateway_id` (the gateway's MAC
    /// or anything else that tells one network from another; 0: not known). Registers. For an uplink that is up:
    /// nothing when nothing changed, else its binding moves (same binding id). Ends a drain.
    void uplink_up(Label label, std::uint8_t technology, wire::Ipv4Address care_of, std::uint64_t gateway_id, Now now);
    /// The uplink is gone without warning. Its binding is deregistered over a surviving one in the same call.
    void uplink_down(Label label, Now now);
    /// Gives the binding up in order (make before break) over a surviving uplink, or itself if there is no other.
    void drain(Label label, Now now);

    /// A UDP payload of type 3 from the home agent's address and port 434. Anything else in it is counted and dropped.
    void datagram(Label label, wire::ByteView payload, wire::Ipv4Address source, Now now);
    /// An inner packet that came out of this uplink's tunnel and may answer a keepalive; false: it is ordinary.
    bool echo_reply(Label label, wire::ByteView inner_packet, Now now);
    /// Something was sent over this uplink's tunnel; delays the next keepalive. May be called for every packet or, with
    /// the time of the last one, just before `tick`.
    void data_sent(Label label, Duration monotonic);

    /// This uplink's path is in doubt: a NAT may have forgotten it. Registers again from the same port, at most once a
    /// second. No effect while a request is out, or for a binding that is not usable.
    void refresh(Label label, Now now);
    /// Asks the home agent whether it can be heard over an uplink that it holds no binding of (after `uplink_down`,
    /// with the socket still there): a deregistration of what is not registered, by that very uplink. It changes
    /// nothing and keeps no other request waiting; any authentic reply is `Heard`.
    void ask(Label label, Now now);
    /// A round trip of this uplink's path that somebody else measured.
    void measured(Label label, Duration round_trip);

    /// The node's own table; sent to the home agent as needed. `policy` is complete, `generation` names it.
    void policy_changed(std::shared_ptr<const policy::Policy> policy, policy::Generation generation, Now now);

    /// From the next request and reply on; what a binding was granted stays. As in ClientConfig.
    void set_times(std::chrono::seconds lifetime, std::chrono::seconds keepalive);

    /// Deregisters everything; `finished()` once it was answered or given up after 2 s. Registers nothing any more.
    void shut_down(Now now);
    bool finished() const noexcept;

    void tick(Now now);
    /// When `tick` is due at the latest, monotonic; changes with every call above. nullopt: nothing is waited for.
    std::optional<Duration> next_deadline() const;

    /// The actions since the last call, to be done in order.
    std::vector<Action> take_actions();

    std::vector<BindingStatus> bindings() const;
    std::optional<wire::Ipv4Address> home_address() const;
    wire::Ipv4Address home_agent() const;  ///< where to send; another than configured after code 136
    std::optional<policy::Generation> policy_of_home_agent() const;
    const Counters& counters() const noexcept;

    struct Implementation;  ///< the room's own

  private:
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace homeward::mn::registration
