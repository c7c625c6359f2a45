#include "churn.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "policy/generation.h"
#include "wire/ipv4.h"

namespace rig {

namespace ipc = homeward::ipc;
namespace policy = homeward::policy;
namespace wire = homeward::wire;

namespace {

constexpr std::size_t kRecords = 256;  ///< in one message
constexpr unsigned kFillerRules = 40;

}  // namespace

Churn::Churn(Machine& machine, Fleet& fleet, const Pace& pace)
    : machine_(machine),
      fleet_(fleet),
      pace_(pace),
      apply_(machine.tables()),
      nodes_(fleet.nodes()),
      in_batch_(fleet.nodes()) {
    for (unsigned number = 1; number <= kPolicies; ++number) {
        policies_[number] = draw_policy(number);
    }
    for (std::uint32_t node = 0; node < fleet.nodes(); ++node) {
        nodes_[node] = draw_node(node);
        fleet_.narrow(node, exact(nodes_[node]), tuples(nodes_[node]));
    }
    replay();
    settle();
    done_ = {};
}

void Churn::batch() {
    for (unsigned i = 0; i < pace_.changes; ++i) {
        const auto node = static_cast<std::uint32_t>(random_() % fleet_.nodes());
        if (!in_batch_[node]) {
            change(node, draw_node(node));
        }
    }
    send_changes();
    for (unsigned i = 0; i < pace_.swaps; ++i) {
        swap_policy(1 + draw(kPolicies));
    }
    if (done_.batches % 8 == 0) {
        disturb();
    }
    if (done_.batches % pace_.replay_every == pace_.replay_every - 1) {
        replay();
    }
    settle();
    ++done_.batches;
}

/// A state that the node may be in next.
Churn::Node Churn::draw_node(std::uint32_t node) {
    Node next;
    if (Fleet::faithful(node)) {
        next.wlan = 0;
        next.wlan_up = true;
        next.policy = static_cast<std::uint8_t>(1 + draw(2));
    } else if (draw(2) != 0) {
        next.wlan = draw(3) == 0 ? kNone : static_cast<std::uint8_t>(draw(4));
        next.wlan_up = next.wlan != kNone && draw(4) != 0;
        next.policy = static_cast<std::uint8_t>(1 + draw(kPolicies));
    } else {
        return next;
    }
    next.cellular = draw(3) == 0 && next.wlan != kNone ? kNone : static_cast<std::uint8_t>(4 + draw(3));
    next.cellular_up = next.cellular != kNone && draw(4) != 0;
    next.spare = draw(2) == 0;
    next.content = contents_[next.policy];
    return next;
}

/// Host rules for the peers, among others. Faithful nodes' policies name the WLAN always, the others' may name nothing.
policy::Policy Churn::draw_policy(unsigned number) {
    policy::Policy drawn;
    Content& content = contents_[number];
    for (unsigned i = 0; i < kFillerRules; ++i) {
        const auto length = static_cast<std::uint8_t>(12 + draw(21));
        const auto network = wire::Ipv4Address{0x40000000 | static_cast<std::uint32_t>(random_() & 0x1fffffff)};
        drawn.rules.push_back({.correspondent = wire::Ipv4Prefix::of(network, length), .uplinks = {1, 2}});
    }
    const policy::LabelList safe[] = {{1, 2}, {2, 1}}, risky[] = {{1, 2}, {2}, {}};
    for (unsigned peer = 0; peer < Fleet::kPeers; ++peer) {
        content.lists[peer] = number <= 2 ? safe[draw(2)] : risky[draw(3)];
        drawn.rules.insert(drawn.rules.begin() + draw(kFillerRules),
                           {.correspondent = wire::Ipv4Prefix::of(wire::Ipv4Address{Fleet::peer(peer)}, 32),
                            .uplinks = content.lists[peer]});
    }
    drawn.fallback = {1, 2};
    return drawn;
}

/// Bindings keep the table they point to until they are put again.
void Churn::swap_policy(unsigned number) {
    policies_[number] = draw_policy(number);
    send_policy(number);
    ++done_.swaps;
}

/// Everything from the start, as to a data plane that lost control for a while; what is not named goes.
void Churn::replay() {
    apply(ipc::Type::sync_begin, 0, {});
    settings();
    ipc::HomeNetwork network{.network = Fleet::kHomeNetwork, .length = 12};
    std::string_view{"home"}.copy(network.port.data(), network.port.size());
    send<ipc::HomeNetwork>(ipc::Type::home_network, {network});
    for (unsigned number = 1; number <= kPolicies; ++number) {
        send_policy(number);
    }
    for (std::uint32_t node = 0; node < fleet_.nodes(); ++node) {
        Node next = nodes_[node];
        next.content = contents_[next.policy];
        if (next.bound() && !Fleet::faithful(node) && draw(16) == 0) {
            next = {};
        }
        change(node, next);
    }
    removes_.clear();  // sync_end does it
    send_changes();
    apply(ipc::Type::sync_end, 0, {});
    ++done_.replays;
}

void Churn::settings() {
    send<ipc::Settings>(ipc::Type::settings, {{.home_agent = Fleet::kHomeAgent, .tunnel_port = Fleet::kTunnelPort}});
}

/// What replaces shared tables without a change to any packet's way.
void Churn::disturb() {
    settings();
    ipc::HomeNetwork elsewhere{.network = 0xac100000, .length = 16};
    send<ipc::HomeNetwork>(ipc::Type::home_network, {elsewhere});
    send<ipc::HomeNetwork>(ipc::Type::home_network_remove, {elsewhere});
    auto& tables = machine_.tables();
    for (unsigned i = 0; i < 16; ++i) {
        const wire::Ipv4Address host{Fleet::kPeer + 0x10000 + draw(4096)};
        const auto prefix = wire::Ipv4Prefix::of(host, static_cast<std::uint8_t>(24 + draw(9)));
        tables.routes().put(prefix, {tables::RouteKind::unicast, kHome, host});
        tables.routes().remove(prefix);
        tables.neighbours().put(kHome, host, Fleet::kFarMac, tables::NeighbourState::reachable);
        if (draw(2) == 0) {
            tables.neighbours().remove(kHome, host);
        }
    }
    done_.others += 4 + 16 * 3;
}

void Churn::change(std::uint32_t node, const Node& next) {
    fleet_.widen(node, possible(next), tuples(next));
    fleet_.widen(node, possible(nodes_[node]), 0);
    if (next.bound()) {
        puts_.push_back(record_of(node, next));
        ++done_.installs;
    } else if (nodes_[node].bound()) {
        removes_.push_back({Fleet::home_address(node)});
        ++done_.removals;
    }
    nodes_[node] = next;
    if (!in_batch_[node]) {
        in_batch_[node] = true;
        changed_.push_back(node);
    }
}

void Churn::send_changes() {
    send(ipc::Type::binding_put, puts_);
    send(ipc::Type::binding_remove, removes_);
    puts_.clear();
    removes_.clear();
}

void Churn::settle() {
    if (!machine_.running()) {
        machine_.tables().reclaim();
    } else {
        machine_.flush();
    }
    for (const std::uint32_t node : changed_) {
        fleet_.narrow(node, exact(nodes_[node]), tuples(nodes_[node]));
        in_batch_[node] = false;
    }
    changed_.clear();
}

ipc::Binding Churn::record_of(std::uint32_t node, const Node& state) {
    ipc::Binding record{.home_address = Fleet::home_address(node), .policy = state.policy};
    const auto add = [&](std::uint8_t variant, bool up, std::uint8_t binding_id) {
        record.uplinks[record.uplink_count++] = {Fleet::care_of(node, variant),
                                                 Fleet::port(node, variant),
                                                 Fleet::label(variant),
                                                 binding_id,
                                                 static_cast<std::uint8_t>(up ? ipc::kUplinkUp : 0),
                                                 0,
                                                 0};
    };
    if (state.wlan != kNone) {
        add(state.wlan, state.wlan_up, 11);
    }
    if (state.cellular != kNone) {
        add(state.cellular, state.cellular_up, 12);
    }
    if (state.spare) {
        add(7, true, 13);
    }
    std::shuffle(record.uplinks.begin(), record.uplinks.begin() + record.uplink_count, random_);
    return record;
}

/// The one that has to be chosen, by peer.
Fleet::PeerMasks Churn::exact(const Node& state) {
    Fleet::PeerMasks masks{};
    for (unsigned peer = 0; state.bound() && peer < Fleet::kPeers; ++peer) {
        for (const policy::Label label : state.content.lists[peer]) {
            const bool wlan = label == 1;
            if (wlan ? state.wlan_up : state.cellular_up) {
                masks[peer] = static_cast<Fleet::Mask>(1U << (wlan ? state.wlan : state.cellular));
                break;
            }
        }
    }
    return masks;
}

/// Any that can be chosen while the state comes or goes: each of its uplinks that is up and that a policy may name.
Fleet::PeerMasks Churn::possible(const Node& state) {
    Fleet::PeerMasks masks{};
    masks.fill(static_cast<Fleet::Mask>((state.wlan_up ? 1U << state.wlan : 0U) |
                                        (state.cellular_up ? 1U << state.cellular : 0U)));
    return masks;
}

/// Those whose packets are to be accepted, up or not.
Fleet::Mask Churn::tuples(const Node& state) {
    return static_cast<Fleet::Mask>((state.wlan != kNone ? 1U << state.wlan : 0U) |
                                    (state.cellular != kNone ? 1U << state.cellular : 0U) |
                                    (state.spare ? 1U << 7 : 0U));
}

template <class Record>
void Churn::send(ipc::Type type, const std::vector<Record>& records) {
    for (std::size_t first = 0; first < records.size(); first += kRecords) {
        const std::size_t count = std::min(kRecords, records.size() - first);
        std::vector<std::uint8_t> body(count * sizeof(Record));
        std::memcpy(body.data(), &records[first], body.size());
        apply(type, count, body);
    }
}

void Churn::send_policy(unsigned number) {
    const wire::Bytes canonical = policy::encode(policies_[number]);
    const auto size = static_cast<std::uint32_t>(canonical.size());
    const ipc::PolicyChunk chunk{.policy = number, .total = size, .offset = 0, .size = size};
    std::vector<std::uint8_t> body(sizeof chunk + canonical.size());
    std::memcpy(body.data(), &chunk, sizeof chunk);
    std::memcpy(body.data() + sizeof chunk, canonical.data(), canonical.size());
    apply(ipc::Type::policy_chunk, 1, body);
}

void Churn::apply(ipc::Type type, std::size_t count, const std::vector<std::uint8_t>& body) {
    const ipc::Header header{.type = type, .count = static_cast<std::uint16_t>(count)};
    std::vector<std::uint8_t> message(sizeof header + body.size());
    std::memcpy(message.data(), &header, sizeof header);
    std::copy(body.begin(), body.end(), message.begin() + sizeof header);
    std::vector<homeward::mailbox::Announcement> announcements;
    if (const homeward::Status done = apply_.apply(message, announcements); !done) {
        throw std::runtime_error{"refused: " + done.error().text};
    }
}

}  // namespace rig
