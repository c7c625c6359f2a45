#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "fleet.h"
#include "ipc/messages.h"
#include "machine.h"
#include "mailbox/apply.h"
#include "policy/rule.h"

namespace rig {

/// Control, and the kernel, at their busiest: changes everything the workers read while they read it.
///
/// Works in batches. The fleet's masks are widened, the messages applied (as the data plane's main thread does), then
/// every worker passes so many rounds that nothing is left of before, then the masks are narrowed.
class Churn {
  public:
    struct Pace {
        unsigned changes = 32;       ///< of nodes, in a batch
        unsigned swaps = 4;          ///< of policies, in a batch
        unsigned replay_every = 32;  ///< batches
    };

    /// Puts the fleet's first bindings in force. Workers need not run yet.
    Churn(Machine& machine, Fleet& fleet, const Pace& pace);

    void batch();

    struct Done {
        std::uint64_t batches = 0;
        std::uint64_t installs = 0;  ///< bindings put: new, and other uplinks or policy for one that is there
        std::uint64_t removals = 0;
        std::uint64_t swaps = 0;    ///< policies replaced under their number
        std::uint64_t replays = 0;  ///< full synchronisations, as after control's restart
        std::uint64_t others = 0;   ///< settings, home networks, routes, neighbours
    };
    const Done& done() const noexcept { return done_; }

  private:
    static constexpr unsigned kPolicies = 4;  ///< numbers 1 and 2 are for faithful nodes

    /// A policy as far as the peers see it.
    struct Content {
        std::array<homeward::policy::LabelList, Fleet::kPeers> lists;
    };
    struct Node {
        std::uint8_t wlan = kNone, cellular = kNone;  ///< variants
        bool wlan_up = false, cellular_up = false, spare = false;
        std::uint8_t policy = 0;  ///< number; 0: not bound
        Content content;          ///< of the policy when the binding was put
        bool bound() const noexcept { return policy != 0; }
    };
    static constexpr std::uint8_t kNone = 0xff;

    unsigned draw(unsigned below) { return static_cast<unsigned>(random_() % below); }
    Node draw_node(std::uint32_t node);
    homeward::policy::Policy draw_policy(unsigned number);
    void swap_policy(unsigned number);
    void replay();
    void disturb();
    void settings();

    void change(std::uint32_t node, const Node& next);
    void send_changes();
    void settle();
    homeward::ipc::Binding record_of(std::uint32_t node, const Node& state);
    static Fleet::PeerMasks exact(const Node& state);
    static Fleet::PeerMasks possible(const Node& state);
    static Fleet::Mask tuples(const Node& state);

    template <class Record>
    void send(homeward::ipc::Type type, const std::vector<Record>& records);
    void send_policy(unsigned number);
    void apply(homeward::ipc::Type type, std::size_t count, const std::vector<std::uint8_t>& body);

    Machine& machine_;
    Fleet& fleet_;
    Pace pace_;
    homeward::mailbox::Apply apply_;
    std::mt19937_64 random_{1};
    std::vector<Node> nodes_;
    std::array<homeward::policy::Policy, kPolicies + 1> policies_;  ///< by number
    std::array<Content, kPolicies + 1> contents_;
    std::vector<std::uint32_t> changed_;  ///< of this batch
    std::vector<bool> in_batch_;
    std::vector<homeward::ipc::Binding> puts_;
    std::vector<homeward::ipc::BindingRemove> removes_;
    Done done_;
};

}  // namespace rig
