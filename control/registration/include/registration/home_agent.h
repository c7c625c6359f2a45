#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "config/home_agent.h"
#include "mip/reply.h"
#include "mip/request.h"
#include "policy/sync_receiver.h"
#include "registration/actions.h"
#include "registration/address_pool.h"
#include "registration/binding.h"
#include "registration/counters.h"
#include "registration/source_limit.h"

namespace homeward::registration {

struct Node;
struct Claim;
struct Answered;

/// What the store keeps of one node.
struct SavedNode {
    wire::Ipv4Address home_address;
    NodeBindings state;  ///< times on Now::steady
    wire::Bytes replay_marks;
};

/// What others may know of a node.
struct NodeView {
    wire::Ipv4Address home_address;
    const std::string& nai;
    const NodeBindings& state;
    const PolicyRef& policy;                             ///< in force; null: none
    const config::PolicyFile* configured;                ///< rule names of a configured policy; null: none
    const std::optional<policy::Generation>& announced;  ///< the table that the node says it has
};

/// The home agent's side of registration (RFC 5944, 3519, 7629): datagrams in, actions out. It has no sockets, clock
/// or randomness of its own.
///
/// Theory of operation. A datagram passes the checks of docs/registration.md in their order; nothing that comes
/// before the authenticator changes state, and the first failure decides the answer. A request that passes is turned
/// into the node's next state as a whole. When the data plane would see a difference, that next state is pending: an
/// Install goes out, and only `installed` puts it in force, stores it and releases the reply; `not_installed` leaves
/// the old state and answers 130. While a node has something pending, its further authentic requests wait, so that
/// each is decided on the state that the one before left. A renewal that changes nothing at the data plane takes
/// effect and is answered at once.
///
///     no binding ──accepted──▶ pending ──installed──▶ bound ──renewal──▶ bound
///         ▲                       │                     │
///         └────── not_installed ──┘      deregistered, expired, replaced, node removed: no binding
class HomeAgent {
  public:
    using Random = std::function<std::uint32_t()>;

    HomeAgent(const config::HomeAgent& config, Random random);
    ~HomeAgent();
    HomeAgent(const HomeAgent&) = delete;
    HomeAgent& operator=(const HomeAgent&) = delete;

    Actions handle(const Datagram& datagram, Now now);
    Actions installed(std::uint64_t ticket, Now now);
    Actions not_installed(std::uint64_t ticket, Now now);
    /// Removes bindings whose lifetime is over.
    Actions expire(Now now);
    std::optional<std::chrono::nanoseconds> next_expiry() const;

    /// Replaces nodes, keys, home networks, limits and policies. Nodes that are gone lose their bindings; a changed
    /// key leaves them.
    Actions configure(const config::HomeAgent& config);

    /// Before the first datagram: assignments first, then nodes. False: no such node is configured any more.
    void restore_assignment(const std::string& nai, wire::Ipv4Address address);
    bool restore(const SavedNode& saved, Now now);
    /// What the store should hold of the node now; nullopt: nothing.
    std::optional<SavedNode> saved(wire::Ipv4Address home_address) const;

    std::optional<NodeView> view(wire::Ipv4Address home_address) const;
    /// By home address or NAI.
    std::optional<NodeView> view(std::string_view name) const;
    /// Nodes with bindings, ascending by home address, above `after`.
    void for_each_bound(std::optional<wire::Ipv4Address> after, const std::function<bool(const NodeView&)>& take) const;

    std::size_t binding_count() const noexcept { return binding_count_; }
    std::size_t bound_nodes() const noexcept { return bound_.size(); }
    std::size_t node_count() const noexcept { return nodes_.size(); }
    const Counters& counters() const noexcept { return counters_; }
    const config::HomeAgent& config() const noexcept { return config_; }

  private:
    Node* find_node(std::string_view nai, wire::Ipv4Address home_address);
    void process(const Datagram& datagram, Now now, Actions& actions);
    void decide(Node& node, Claim& claim, Now now, Actions& actions);
    void accept(Node& node, Claim& claim, Now now, Actions& actions);
    void renew(Node& node, NodeBindings next, Answered answer, const mip::Authenticator& authenticator, Now now,
               Actions& actions);
    std::variant<PolicyRef, mip::ReplyCode> next_table(const Node& node, const mip::RegistrationRequest& request,
                                                       const NodeBindings& next);
    PolicyRef make_flow_table(const policy::Policy& table, std::uint32_t version);
    void refresh_flow_table(NodeBindings& next);
    std::optional<mip::ReplyCode> take_sync(Node& node, const mip::RegistrationRequest& request, NodeBindings& next,
                                            Now now);
    std::optional<mip::Numbering> next_numbering(const Node& node, const mip::RegistrationRequest& request,
                                                 const NodeBindings& next, bool plain) const;
    void add_sync_state(const Node& node, std::size_t capacity, mip::RegistrationReply& reply) const;
    void tell_sync(Node& node);
    policy::SyncLimits sync_limits() const;
    void deny(Node& node, const Claim& claim, mip::ReplyCode code, Now now, Actions& actions);
    void answer_failed_authentication(const Claim& claim, Now now, Actions& actions);
    bool answer_duplicate(const Node& node, const Claim& claim, Now now, Actions& actions);
    void put_in_force(Node& node, NodeBindings next, Actions& actions);
    void resume(Node& node, Now now, Actions& actions);
    void schedule_expiry(Node& node);
    void describe_change(const Node& node, const NodeBindings& before, Actions& actions) const;
    NodeView view_of(const Node& node) const;
    std::shared_ptr<const wire::Bytes> share(const policy::Digest& digest, wire::Bytes bytes);
    PolicyRef configured_policy(const config::Node& node);
    void adopt(Node& node, const config::Node& config, const std::string& identity, Actions& actions);
    void retire(Node& node, Actions& actions);
    void drop_bindings(Node& node, Actions& actions);

    config::HomeAgent config_;
    Random random_;
    SourceLimit source_limit_;
    SourceLimit denial_limit_;
    AddressPool pool_;
    Counters counters_;
    std::map<std::string, std::unique_ptr<Node>, std::less<>> nodes_;  ///< by identity: NAI, else home address
    std::unordered_map<wire::Ipv4Address, Node*> by_address_;
    std::map<wire::Ipv4Address, Node*> bound_;
    std::set<std::pair<std::chrono::nanoseconds, Node*>> expiries_;
    std::set<Node*> assembling_;  ///< may have an unfinished transfer of a policy
    std::unordered_map<std::uint64_t, Node*> pending_;
    std::map<policy::Digest, std::weak_ptr<const wire::Bytes>> shared_bytes_;
    std::map<std::string, wire::Bytes, std::less<>> retired_marks_;  ///< of nodes that configuration removed
    std::uint64_t next_ticket_ = 1;
    std::size_t binding_count_ = 0;
};

}  // namespace homeward::registration
