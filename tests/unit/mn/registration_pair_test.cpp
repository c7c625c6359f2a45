#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <queue>
#include <random>

#include "registration/client.h"
#include "registration/home_agent.h"

/// The node's client and the home agent's machine, with nothing between them but a network of two paths that delays,
/// reorders, loses and translates addresses. No mock on either side.
namespace homeward::mn::registration {
namespace {

using namespace std::chrono_literals;
namespace ha = homeward::registration;

constexpr wire::Ipv4Address kHomeAgent{0xc0000201U};
constexpr wire::Ipv4Address kHomeAddress{0x0a0a0005U};
constexpr wire::Ipv4Address kNat{0xcb007105U};
constexpr Label kWlan = 1;
constexpr Label kCellular = 2;
const wire::Bytes kKey(16, 7);

config::HomeAgent home_agent_config() {
    config::HomeAgent config;
    config.address = kHomeAgent;
    config::Node node;
    node.nai = "phone@example.org";
    node.home_address = kHomeAddress;
    node.associations.push_back({256, config::Algorithm::hmac_sha256, kKey, config::Replay::timestamp});
    config.nodes.push_back(node);
    config::HomeNetwork network;
    network.prefix = {wire::Ipv4Address{0x0a0a0000U}, 24};
    config.home_networks.push_back(network);
    return config;
}

struct Path {
    Duration delay;   ///< one way
    Duration jitter;  ///< added at random, so that packets overtake each other
    bool up = false;
    bool works = true;  ///< false: swallows everything although the link is up
};

class Pair {
  public:
    explicit Pair(std::uint32_t seed, double loss = 0)
        : random_(seed),
          loss_(loss),
          node_(std::make_unique<Client>(client_config())),
          home_agent(home_agent_config(), [this] { return static_cast<std::uint32_t>(random_()); }) {}

    void up(Label label) {
        paths[label].up = true;
        client().uplink_up(label, 4, care_of(label), 1, node_now());
        serve_client();
    }
    void down(Label label) {
        paths[label].up = false;
        client().uplink_down(label, node_now());
        serve_client();
    }
    void set_policy(const policy::Policy& policy, std::uint32_t version) {
        client().policy_changed(std::make_shared<const policy::Policy>(policy),
                                {version, policy::digest(policy::encode(policy))}, node_now());
        serve_client();
    }

    void shut_down() {
        client().shut_down(node_now());
        serve_client();
    }
    /// kill -9, and another run.
    void restart() { node_ = std::make_unique<Client>(client_config()); }

    void run(Duration time) {
        const Duration end = now_ + time;
        for (int steps = 0; steps < 2'000'000; ++steps) {
            Duration next = end;
            if (const auto due = client().next_deadline()) {
                next = std::min(next, std::max(now_, *due));
            }
            if (!events_.empty()) {
                next = std::min(next, events_.top().at);
            }
            if (const auto due = home_agent.next_expiry()) {
                next = std::min(next, std::max(now_, *due + 1ms));
            }
            now_ = next;
            if (now_ >= end) {
                return;
            }
            step();
        }
        FAIL() << "no end of work";
    }

    std::vector<int> bindings_at_home_agent() const {
        std::vector<int> ids;
        if (const auto view = home_agent.view(kHomeAddress)) {
            for (const ha::Binding& binding : view->state.bindings) {
                ids.push_back(binding.binding_id);
            }
        }
        return ids;
    }
    State state(Label label) const {
        for (const BindingStatus& status : client().bindings()) {
            if (status.label == label) {
                return status.state;
            }
        }
        return State::idle;
    }
    Client& client() { return *node_; }
    const Client& client() const { return *node_; }
    bool synchronised() const { return synchronised_; }

    std::map<Label, Path> paths{{kWlan, {5ms, 0ms}}, {kCellular, {30ms, 0ms}}};
    Duration clock_error{};
    bool control_alive = true;

  private:
    struct InFlight {
        Duration at;
        std::uint64_t order;
        Label label;
        bool to_home_agent;
        bool is_echo;
        wire::Bytes bytes;
        bool operator<(const InFlight& other) const { return std::pair(at, order) > std::pair(other.at, other.order); }
    };

    ClientConfig client_config() {
        ClientConfig config{.nai = "phone@example.org",
                            .home_address = kHomeAddress,
                            .home_agent = kHomeAgent,
                            .authenticator = {256, mip::Algorithm::hmac_sha256, kKey}};
        config.random = [this] { return std::uint64_t{random_()} << 32 | random_(); };
        return config;
    }

    static wire::Ipv4Address care_of(Label label) { return wire::Ipv4Address{0xc0a80000U + label}; }
    /// Cellular is behind a NAT.
    static ha::Endpoint seen_from_outside(Label label) {
        return label == kCellular ? ha::Endpoint{kNat, 61000} : ha::Endpoint{care_of(label), 40000};
    }
    Now node_now() const { return {now_, 1'700'000'000s + now_ + clock_error}; }
    ha::Now home_agent_now() const { return {now_, 1'700'000'000s + now_}; }

    void transmit(Label label, bool to_home_agent, bool is_echo, const wire::Bytes& bytes) {
        const Path& path = paths[label];
        const bool lost = std::uniform_real_distribution<>{}(random_) < loss_;
        if (path.up && path.works && !lost) {
            const auto jitter = std::uniform_int_distribution<std::int64_t>{0, path.jitter.count()}(random_);
            events_.push({now_ + path.delay + Duration{jitter}, order_++, label, to_home_agent, is_echo, bytes});
        }
    }

    void serve_client() {
        for (const Action& action : client().take_actions()) {
            if (const auto* sent = std::get_if<SendRegistration>(&action)) {
                transmit(sent->label, true, false, sent->datagram);
            } else if (const auto* echo = std::get_if<SendKeepalive>(&action)) {
                transmit(echo->label, true, true, echo->packet);
            } else if (const auto* policy = std::get_if<PolicyOfHomeAgent>(&action)) {
                synchronised_ = policy->synchronised;
            }
        }
    }

    void serve_home_agent(ha::Actions actions) {
        while (true) {
            for (const ha::Reply& reply : actions.replies) {
                for (const Label label : {kWlan, kCellular}) {
                    if (reply.to == seen_from_outside(label)) {
                        transmit(label, false, false, reply.bytes);
                    }
                }
            }
            if (actions.installs.empty()) {
                return;
            }
            ASSERT_EQ(actions.installs.size(), 1U);
            actions = home_agent.installed(actions.installs[0].ticket, home_agent_now());
        }
    }

    void step() {
        if (const auto due = home_agent.next_expiry(); due && *due <= now_) {
            serve_home_agent(home_agent.expire(home_agent_now()));
        }
        if (const auto due = client().next_deadline(); due && *due <= now_) {
            client().tick(node_now());
            serve_client();
        }
        while (!events_.empty() && events_.top().at <= now_) {
            const InFlight packet = events_.top();
            events_.pop();
            if (!paths[packet.label].up) {
                continue;
            }
            if (packet.is_echo) {
                // The data plane answers echoes; that it does is tested elsewhere. Here they only get lost.
            } else if (packet.to_home_agent) {
                if (control_alive) {
                    serve_home_agent(home_agent.handle(
                        {.bytes = packet.bytes, .source = seen_from_outside(packet.label)}, home_agent_now()));
                }
            } else {
                client().datagram(packet.label, packet.bytes, kHomeAgent, node_now());
                serve_client();
            }
        }
    }

    std::mt19937 random_;
    double loss_;
    Duration now_ = 1000s;
    std::uint64_t order_ = 0;
    std::priority_queue<InFlight> events_;
    bool synchronised_ = false;

    std::unique_ptr<Client> node_;

  public:
    ha::HomeAgent home_agent;
};

policy::Policy table(std::uint32_t rules) {
    policy::Policy result;
    for (std::uint32_t i = 0; i < rules; ++i) {
        result.rules.push_back({.correspondent = wire::Ipv4Prefix::of(wire::Ipv4Address{0x20000000U + (i << 8)}, 24),
                                .uplinks = {kCellular, kWlan}});
    }
    result.fallback = {kWlan, kCellular};
    return result;
}

TEST(Pair, BindsBothUplinksOneOfThemBehindANat) {
    Pair pair{1};
    pair.up(kWlan);
    pair.up(kCellular);
    pair.run(100ms);
    EXPECT_EQ(pair.bindings_at_home_agent(), (std::vector{1, 2}));
    EXPECT_EQ(pair.state(kWlan), State::bound);
    EXPECT_EQ(pair.state(kCellular), State::bound);
    EXPECT_TRUE(pair.home_agent.view(kHomeAddress)->state.find(2)->nat());
    pair.run(10min);
    EXPECT_EQ(pair.bindings_at_home_agent(), (std::vector{1, 2}));
    EXPECT_EQ(pair.client().counters().replies_denied, 0U);
}

TEST(Pair, RemovesALostUplinkWithinTheSurvivorsWayUp) {
    Pair pair{2};
    pair.up(kWlan);
    pair.up(kCellular);
    pair.run(1s);
    pair.down(kWlan);
    pair.run(pair.paths[kCellular].delay + 1ms);
    EXPECT_EQ(pair.bindings_at_home_agent(), std::vector{2});
}

TEST(Pair, AgreesOnTheTimeWithAWrongClock) {
    for (const Duration error : {Duration{2h}, Duration{-2h}, Duration{9s}, Duration{5s}}) {
        Pair pair{3};
        pair.clock_error = error;
        pair.up(kWlan);
        pair.up(kCellular);
        pair.run(1s);
        EXPECT_EQ(pair.bindings_at_home_agent(), (std::vector{1, 2})) << error.count();
    }
}

TEST(Pair, ReplacesWhatARunLeftBehind) {
    Pair pair{4};
    pair.up(kWlan);
    pair.up(kCellular);
    pair.run(1s);
    pair.restart();
    pair.up(kCellular);
    pair.run(1s);
    EXPECT_EQ(pair.bindings_at_home_agent(), std::vector{2});
}

/// Links come and go for an hour on paths that lose and reorder; whenever they stay a minute, both ends agree.
TEST(Pair, AgreesAfterAnyChurn) {
    for (const std::uint32_t seed : {11U, 12U, 13U}) {
        Pair pair{seed, 0.1};
        pair.set_policy(table(20), 1);
        pair.paths[kWlan].jitter = 40ms;
        pair.paths[kCellular].jitter = 200ms;
        std::mt19937 random{seed};
        for (int round = 0; round < 30; ++round) {
            for (int event = 0; event < 10; ++event) {
                const Label label = random() % 2 == 0 ? kWlan : kCellular;
                pair.paths[label].up ? pair.down(label) : pair.up(label);
                pair.run(Duration{1ms} * (random() % 3000));
            }
            pair.run(2min);
            std::vector<int> expected;
            for (const Label label : {kWlan, kCellular}) {
                if (pair.paths[label].up) {
                    expected.push_back(label);
                    EXPECT_TRUE(usable(pair.state(label))) << seed << ' ' << round;
                } else {
                    EXPECT_EQ(pair.state(label), State::idle);
                }
            }
            EXPECT_EQ(pair.bindings_at_home_agent(), expected) << seed << ' ' << round;
            if (!expected.empty()) {
                EXPECT_TRUE(pair.synchronised()) << seed << ' ' << round;
            }
        }
    }
}

TEST(Pair, ADeadPathIsRemovedAtTheHomeAgentAndComesBack) {
    Pair pair{6};
    pair.up(kWlan);
    pair.up(kCellular);
    pair.run(1s);
    pair.paths[kWlan].works = false;
    pair.run(1min);
    EXPECT_EQ(pair.bindings_at_home_agent(), std::vector{2});
    EXPECT_EQ(pair.state(kWlan), State::lost);
    pair.paths[kWlan].works = true;
    pair.run(1min);
    EXPECT_EQ(pair.bindings_at_home_agent(), (std::vector{1, 2}));
}

TEST(Pair, AHomeAgentThatComesBackGetsItsBindings) {
    Pair pair{7};
    pair.up(kWlan);
    pair.up(kCellular);
    pair.run(1s);
    pair.control_alive = false;
    pair.run(5min);
    EXPECT_EQ(pair.state(kWlan), State::lost);
    pair.control_alive = true;
    pair.run(2min);
    EXPECT_EQ(pair.bindings_at_home_agent(), (std::vector{1, 2}));
}

TEST(Pair, A100000RuleTableArrivesOverALossyPath) {
    Pair pair{8, 0.01};
    pair.set_policy(table(100'000), 1);
    pair.up(kWlan);
    pair.up(kCellular);
    pair.run(20s);
    EXPECT_TRUE(pair.synchronised());
    const auto view = pair.home_agent.view(kHomeAddress);
    ASSERT_TRUE(view && view->policy);
    EXPECT_EQ(view->policy->rules, 100'000U);
    EXPECT_EQ(view->policy->source, ha::PolicySource::node);
    EXPECT_EQ(pair.bindings_at_home_agent(), (std::vector{1, 2}));
}

TEST(Pair, LeavesNothingBehind) {
    Pair pair{9};
    pair.up(kWlan);
    pair.up(kCellular);
    pair.run(1s);
    pair.shut_down();
    pair.run(1s);
    EXPECT_TRUE(pair.client().finished());
    EXPECT_TRUE(pair.bindings_at_home_agent().empty());
}

}  // namespace
}  // namespace homeward::mn::registration
