#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/home_agent.h"
#include "mip/authenticator.h"
#include "mip/reply.h"
#include "mip/request.h"
#include "policy/sync_receiver.h"
#include "registration/actions.h"
#include "registration/binding.h"
#include "registration/replay_guard.h"

namespace homeward::registration {

/// How many authentic requests of one node wait while one is pending at the data plane.
inline constexpr std::size_t kMaxWaiting = 16;

struct Association {
    mip::Authenticator authenticator;
    config::Replay replay = config::Replay::timestamp;
};

/// Recognises a request that is sent again: under one key, equal authenticators mean equal messages.
struct RequestMark {
    std::uint32_t spi = 0;
    std::size_t size = 0;
    wire::Bytes authenticator;
    Endpoint source;

    friend bool operator==(const RequestMark&, const RequestMark&) = default;
};

/// The last request that was accepted, and what it was answered.
struct Answered {
    RequestMark request;
    mip::RegistrationReply reply;
    std::chrono::nanoseconds expires{};  ///< of the lifetime that was granted
    std::size_t sync_capacity = 0;       ///< bytes for the state of the policy synchronisation; 0: not asked for
};

/// A next state that the data plane has been asked to install.
struct Pending {
    std::uint64_t ticket = 0;
    NodeBindings next;
    Answered answer;
    mip::Authenticator authenticator;
    bool at_home = false;  ///< the node is deregistering on its home link
};

struct Waiting {
    wire::Bytes bytes;
    Endpoint source;
    bool to_broadcast = false;
};

/// One configured node and all that is known of it.
struct Node {
    const config::Node* config = nullptr;
    std::string identity;                           ///< NAI, else home address
    std::optional<wire::Ipv4Address> home_address;  ///< configured or assigned
    std::vector<Association> associations;
    PolicyRef configured;

    ReplayGuard guard;
    NodeBindings state;
    policy::SyncReceiver sync;
    PolicyRef retained;  ///< the node's last table, so that a node that was away need not send it again
    std::optional<Answered> answered;
    std::unique_ptr<Pending> pending;
    std::deque<Waiting> waiting;
    std::chrono::nanoseconds scheduled_expiry{-1};  ///< its key in HomeAgent::expiries_; -1: none
    std::optional<std::chrono::nanoseconds> saved;  ///< when the store was last told before a reply

    const PolicyRef& policy_in_force() const noexcept { return state.own ? state.own : configured; }
};

/// An authentic request on its way through the checks.
struct Claim {
    const mip::RequestFrame& frame;
    const Association& association;
    Endpoint source;
    bool to_broadcast = false;
    bool fresh = false;
    std::variant<mip::RegistrationRequest, mip::Malformed> decoded;
    RequestMark mark;

    const mip::RequestHeader& header() const noexcept { return frame.header; }
    const mip::RegistrationRequest* request() const noexcept { return std::get_if<mip::RegistrationRequest>(&decoded); }
    /// What the identification must be later than.
    ReplayGuard::Scope scope() const noexcept {
        const mip::RegistrationRequest* const asked = request();
        if (asked == nullptr || !asked->multipath || asked->multipath->bulk || asked->multipath->overwrite) {
            return std::nullopt;
        }
        return asked->multipath->binding_id;
    }
};

}  // namespace homeward::registration
