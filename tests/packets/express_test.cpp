// The express lane does with a packet what the general stages would do, or leaves it to them: two home agents alike but
// for the lane get the same frames, right ones and ones that are wrong in one or two places, and must emit and count
// the same.
#include <algorithm>
#include <random>
#include <tuple>

#include "lab.h"
#include "random_frames.h"

namespace lab {
namespace {

constexpr std::uint8_t kOurAddress[] = {192, 147, 23, 11};

/// Ids of packets that we made count what was sent before, which in a burst is another packet.
void forget_id(Bytes& bytes, std::size_t ip) {
    if (bytes.size() >= ip + 20 && std::equal(kOurAddress, kOurAddress + 4, &bytes[ip + 12])) {
        bytes[ip + 4] = bytes[ip + 5] = bytes[ip + 10] = bytes[ip + 11] = 0;
    }
}

auto seen(const std::vector<Emitted>& emitted) {
    std::vector<std::tuple<std::uint16_t, bool, int, Bytes, std::uint64_t>> all;
    for (const Emitted& each : emitted) {
        Bytes bytes = each.frame;
        forget_id(bytes, 14);
        forget_id(bytes, 14 + 32);
        all.emplace_back(each.port, each.kernel, static_cast<int>(each.kernel_class), bytes, each.offloads);
    }
    // A burst leaves stage by stage without the lane, in its order with it; flows keep theirs either way.
    std::sort(all.begin(), all.end());
    return all;
}

std::string hex(const Bytes& bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) {
        constexpr char kDigits[] = "0123456789abcdef";
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

/// What only one of the two emitted.
std::string difference(const Lab& with, const Lab& without) {
    const auto a = seen(with.emitted);
    const auto b = seen(without.emitted);
    std::string text;
    for (const auto& each : a) {
        text += std::count(a.begin(), a.end(), each) > std::count(b.begin(), b.end(), each)
                    ? "\nwith the lane    port " + std::to_string(std::get<0>(each)) + ' ' + hex(std::get<3>(each))
                    : "";
    }
    for (const auto& each : b) {
        text += std::count(b.begin(), b.end(), each) > std::count(a.begin(), a.end(), each)
                    ? "\nwithout the lane port " + std::to_string(std::get<0>(each)) + ' ' + hex(std::get<3>(each))
                    : "";
    }
    return text;
}

struct World {
    const char* name;
    void (*prepare)(Lab&);
};

void PrintTo(const World& world, std::ostream* out) {
    *out << world.name;
}

/// Too large to be searched as it is, with rules about the correspondents of these packets among the others.
policy::Policy large_policy() {
    policy::Policy made{.rules = {}, .fallback = {1, 2}};
    for (std::uint32_t i = 0; i < 1000; ++i) {
        made.rules.push_back({.correspondent = wire::Ipv4Prefix::of(wire::Ipv4Address{0x80000000U + i * 65537}, 32),
                              .uplinks = {i % 2 == 0 ? policy::Label{1} : policy::Label{2}}});
    }
    made.rules.push_back({.correspondent = wire::Ipv4Prefix::of(wire::Ipv4Address{kPeer.value}, 32),
                          .protocol = 17,
                          .ports = {53, 53},
                          .uplinks = {2}});
    made.rules.push_back({.correspondent = wire::Ipv4Prefix::of(wire::Ipv4Address{kFar.value}, 24), .uplinks = {2, 1}});
    return made;
}

template <class Change>
void change_port(Lab& lab, std::uint16_t id, const Change& change) {
    tables::Port port = lab.port(id);
    change(port);
    lab.tables().set_port(id, port);
}

/// The other node, with both uplinks of the first and a policy.
void put_second(Lab& lab, std::uint32_t policy) {
    ipc::Binding node = lab.node_record();
    node.home_address = kNode2.value;
    node.policy = policy;
    node.uplinks[0].care_of = kWlan2.value;
    node.uplinks[0].port = kWlan2Port;
    lab.put(node);
}

const World kWorlds[] = {
    {"as_usual", [](Lab&) {}},
    {"one_policy", [](Lab& lab) { put_second(lab, 1); }},
    {"no_policies",
     [](Lab& lab) {
         ipc::Binding node = lab.node_record();
         node.policy = 0;
         lab.put(node);
         put_second(lab, 0);
     }},
    {"policies_of_their_own",
     [](Lab& lab) {
         lab.put_policy(2, {.rules = {{.correspondent = *wire::Ipv4Prefix::parse("203.0.113.0/24"), .uplinks = {2}}},
                            .fallback = {1, 2}});
         put_second(lab, 2);
     }},
    {"correspondents_on_both_sides_of_all_rules",
     [](Lab& lab) {
         lab.put_policy(1, {.rules = {{.correspondent = *wire::Ipv4Prefix::parse("192.0.2.7/32"), .uplinks = {2}}},
                            .fallback = {1, 2}});
         lab.put(lab.node_record());
         put_second(lab, 1);
     }},
    {"ecn_normal",
     [](Lab& lab) {
         lab.settings().ecn = ipc::Ecn::normal;
         lab.apply_settings();
     }},
    {"no_udp_checksum",
     [](Lab& lab) {
         lab.settings().udp_checksum = ipc::Checksum::zero;
         lab.apply_settings();
     }},
    {"checksums_by_the_port",
     [](Lab& lab) { change_port(lab, kAccess, [](tables::Port& port) { port.tx_checksum_offload = true; }); }},
    {"udp_checksums_by_the_port",
     [](Lab& lab) { change_port(lab, kAccess, [](tables::Port& port) { port.tx_udp_offload = true; }); }},
    {"checked_on_receipt", [](Lab& lab) { lab.rx_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD; }},
    {"checksums_open", [](Lab& lab) { lab.rx_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_NONE; }},
    {"checked_and_bad", [](Lab& lab) { lab.rx_flags = RTE_MBUF_F_RX_IP_CKSUM_BAD; }},
    {"small_egress", [](Lab& lab) { lab.set_mtu(kAccess, 1200); }},
    {"port_down", [](Lab& lab) { change_port(lab, kHome, [](tables::Port& port) { port.up = false; }); }},
    {"stale_neighbours",
     [](Lab& lab) {
         lab.neighbour(kAccess, kGateway, kGatewayMac, tables::NeighbourState::stale);
         lab.neighbour(kHome, kPeer, kPeerMac, tables::NeighbourState::stale);
     }},
    {"one_uplink_down",
     [](Lab& lab) {
         ipc::Binding node = lab.node_record();
         node.uplinks[0].flags = 0;
         lab.put(node);
     }},
    {"little_headroom", [](Lab& lab) { lab.headroom = 20; }},
    {"descriptors_that_differ",
     [](Lab& lab) {
         constexpr std::uint64_t kGood = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
         lab.in_turn.assign(19, {.flags = kGood});
         lab.in_turn[3].flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
         lab.in_turn[7].headroom = 20;
         lab.in_turn[8].headroom = 200;
         lab.in_turn[11].flags = 0;
         lab.in_turn[13].flags = RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
         lab.in_turn[17].flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_NONE;
     }},
    {"buffers_lent_by_the_driver", [](Lab& lab) { lab.in_turn = {{.lent = true}}; }},
    {"some_buffers_lent",
     [](Lab& lab) {
         constexpr std::uint64_t kGood = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
         lab.in_turn.assign(13, {.flags = kGood});
         lab.in_turn[5].lent = lab.in_turn[6].lent = true;
     }},
    {"large_policy",
     [](Lab& lab) {
         lab.put_policy(1, large_policy());
         lab.put(lab.node_record());
     }},
    {"large_policy_and_a_small_one",
     [](Lab& lab) {
         lab.put_policy(2, large_policy());
         put_second(lab, 2);
     }},
    {"large_policy_and_none",
     [](Lab& lab) {
         lab.put_policy(1, large_policy());
         lab.put(lab.node_record());
         put_second(lab, 0);
     }},
    {"large_policies",
     [](Lab& lab) {
         lab.put_policy(1, large_policy());
         policy::Policy other = large_policy();
         other.rules.pop_back();
         lab.put_policy(2, other);
         lab.put(lab.node_record());
         put_second(lab, 2);
     }},
    {"spread",
     [](Lab& lab) {
         lab.put_policy(
             1, {.rules = {{.correspondent = {}, .uplinks = {1, 2}, .mode = policy::Mode::spread, .weights = {2, 1}}},
                 .fallback = {1}});
         lab.put(lab.node_record());
     }},
    {"two_uplinks_of_one_name",
     [](Lab& lab) {
         ipc::Binding node = lab.node_record();
         node.uplinks[0].label = 2;
         lab.put(node);
     }},
    {"the_first_of_one_name_down",
     [](Lab& lab) {
         ipc::Binding node = lab.node_record();
         node.uplinks[0].label = 2;
         node.uplinks[0].flags = 0;
         lab.put(node);
     }},
    {"names_that_look_alike_to_the_hint",
     [](Lab& lab) {
         ipc::Binding node = lab.node_record();
         node.uplinks[0].label = 10;
         lab.put_policy(1, {.rules = {{.correspondent = {}, .protocol = 17, .uplinks = {10, 2}}}, .fallback = {2, 10}});
         lab.put(node);
     }},
    {"more_uplinks_than_a_line_has",
     [](Lab& lab) {
         ipc::Binding node = lab.node_record();
         for (std::uint8_t i = 2; i < 6; ++i) {
             node.uplinks[i] = {kWlan.value + i, 5000, i, static_cast<std::uint8_t>(20 + i), ipc::kUplinkUp, 0, 0};
         }
         node.uplink_count = 6;
         lab.put(node);
     }},
};

/// Devices check on receipt and compute checksums on the way out: then the lane takes four packets at a time.
void let_devices_check(Lab& lab) {
    lab.rx_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    for (const std::uint16_t id : {kAccess, kHome}) {
        change_port(lab, id, [](tables::Port& port) { port.tx_checksum_offload = port.tx_udp_offload = true; });
    }
}

/// A world, and whether devices check.
class ExpressWorlds : public testing::TestWithParam<std::tuple<World, bool>> {};

void compare(Lab& with, Lab& without, std::uint16_t port, const std::vector<Bytes>& frames) {
    for (Lab* lab : {&with, &without}) {
        lab->emitted.clear();
        lab->requests.clear();
        lab->run_burst(port, Origin::wire, frames);
        lab->advance_ms(2000);  // budgets for errors and echoes are full again
        lab->tick();
    }
    ASSERT_EQ(seen(with.emitted), seen(without.emitted)) << difference(with, without);
    ASSERT_EQ(with.requests.size(), without.requests.size());
}

/// `plain`: mostly what the lane takes, so that it has groups of nothing else, and groups in which one gives up.
void compare(Lab& with, Lab& without, unsigned burst, bool plain, Random& random) {
    std::vector<Bytes> frames[2];
    for (unsigned i = 0; i < burst; ++i) {
        auto [port, bytes] = plain ? plain_frame(random) : frame(random);
        spoil(random, bytes, plain ? below(random, 12) / 11 : 2);
        frames[port].push_back(std::move(bytes));
    }
    for (const std::uint16_t port : {kAccess, kHome}) {
        ASSERT_NO_FATAL_FAILURE(compare(with, without, port, frames[port]));
    }
}

TEST_P(ExpressWorlds, OneByOneAndInBursts) {
    Random random{std::random_device{}()};
    const auto seed = static_cast<unsigned>(random());
    SCOPED_TRACE("seed " + std::to_string(seed));
    random.seed(seed);
    Lab with;
    Lab without{true, false};
    const auto& [world, checked] = GetParam();
    for (Lab* lab : {&with, &without}) {
        if (checked) {
            let_devices_check(*lab);
        }
        world.prepare(*lab);
    }
    for (unsigned i = 0; i < 1500; ++i) {
        constexpr unsigned kBursts[] = {1, 2, 7, 20, 60};  // shorter and longer than a packet's way through the lane
        ASSERT_NO_FATAL_FAILURE(compare(with, without, kBursts[i % std::size(kBursts)], i % 2 == 1, random));
    }
    EXPECT_EQ(with.drops(), without.drops());
    for (std::size_t i = 0; i < homeward::stats::kEvents; ++i) {
        EXPECT_EQ(with.count(static_cast<Event>(i)), without.count(static_cast<Event>(i)))
            << name(static_cast<Event>(i));
    }
    EXPECT_EQ(with.leaked(), without.leaked());
    EXPECT_GT(with.count(Event::uplink_packets) + with.drops().size(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Worlds, ExpressWorlds, testing::Combine(testing::ValuesIn(kWorlds), testing::Bool()),
                         [](const auto& row) {
                             return std::string{std::get<0>(row.param).name} +
                                    (std::get<1>(row.param) ? "_checked_by_the_device" : "");
                         });

const World kChanges[] = {
    {"another_gateway_mac", [](Lab& lab) { lab.neighbour(kAccess, kGateway, kNobodyMac); }},
    {"another_correspondent_mac", [](Lab& lab) { lab.neighbour(kHome, kPeer, kNobodyMac); }},
    {"gateway_stale", [](Lab& lab) { lab.neighbour(kAccess, kGateway, kGatewayMac, tables::NeighbourState::stale); }},
    {"gateway_gone", [](Lab& lab) { lab.tables().neighbours().remove(kAccess, wire::Ipv4Address{kGateway.value}); }},
    {"another_route",
     [](Lab& lab) {
         lab.neighbour(kHome, kPeer, kPeerMac);
         lab.route("0.0.0.0/0", {tables::RouteKind::unicast, kHome, wire::Ipv4Address{kPeer.value}});
     }},
    {"no_route", [](Lab& lab) { lab.route("0.0.0.0/0", {tables::RouteKind::blackhole}); }},
    {"port_down", [](Lab& lab) { change_port(lab, kAccess, [](tables::Port& port) { port.up = false; }); }},
    {"another_port_mac", [](Lab& lab) { change_port(lab, kHome, [](tables::Port& port) { port.mac[5] ^= 1; }); }},
    {"smaller_port", [](Lab& lab) { lab.set_mtu(kAccess, 80); }},
    {"no_checksums_by_the_port",
     [](Lab& lab) { change_port(lab, kAccess, [](tables::Port& port) { port.tx_checksum_offload = false; }); }},
    {"no_udp_checksum",
     [](Lab& lab) {
         lab.settings().udp_checksum = ipc::Checksum::zero;
         lab.apply_settings();
     }},
    {"ecn_normal",
     [](Lab& lab) {
         lab.settings().ecn = ipc::Ecn::normal;
         lab.apply_settings();
     }},
    {"buffers_lent_by_the_driver", [](Lab& lab) { lab.lent_buffers = true; }},
};

/// The way out is remembered from call to call, but not what it was found in.
class ExpressChanges : public testing::TestWithParam<World> {};

TEST_P(ExpressChanges, AreSeenByTheNextBurst) {
    Random random{std::random_device{}()};
    const auto seed = static_cast<unsigned>(random());
    SCOPED_TRACE("seed " + std::to_string(seed));
    random.seed(seed);
    Lab with;
    Lab without{true, false};
    let_devices_check(with);
    let_devices_check(without);
    for (unsigned i = 0; i < 20; ++i) {
        ASSERT_NO_FATAL_FAILURE(compare(with, without, 60, true, random));
        if (i == 10) {
            GetParam().prepare(with);
            GetParam().prepare(without);
        }
    }
    EXPECT_EQ(with.drops(), without.drops());
    EXPECT_EQ(with.leaked(), without.leaked());
}

INSTANTIATE_TEST_SUITE_P(Changes, ExpressChanges, testing::ValuesIn(kChanges),
                         [](const auto& row) { return std::string{row.param.name}; });

struct Kind {
    const char* name;
    std::uint16_t port;
    Bytes frame;
};

std::vector<Kind> kinds() {
    const Ip down{.src = kPeer, .dst = kNode}, up{.src = kNode, .dst = kFar}, to_the_link{.src = kNode, .dst = kPeer};
    const Udp udp{.src = 53, .dst = 6000};
    const Tcp tcp{.src = 443, .dst = 5000, .options = {2, 4, 5, 0xb4}};  // which a SYN's would be clamped
    const Raw data{std::string(30, 'x')};
    return {{"udp_down", kHome, on_home_link(down / udp / data).bytes()},
            {"tcp_down", kHome, on_home_link(down / tcp / data).bytes()},
            {"udp_up", kAccess, uplink(up / udp / data, kWlan, kWlanPort).bytes()},
            {"tcp_up", kAccess, uplink(up / tcp / data, kWlan, kWlanPort).bytes()},
            {"udp_to_the_link", kAccess, uplink(to_the_link / udp / data, kWlan, kWlanPort).bytes()}};
}

/// Of eight packets that the lane takes side by side, one at a time has one bit that is not as it should be.
TEST(Express, EveryBitOfTheHeadersIsLookedAt) {
    Lab with;
    Lab without{true, false};
    let_devices_check(with);
    let_devices_check(without);
    for (const auto& [name, port, right] : kinds()) {
        const std::size_t headers = std::min<std::size_t>(right.size(), 14 + 20 + 12 + 20 + 20);
        for (std::size_t bit = 0; bit < headers * 8; ++bit) {
            for (const bool mended : {false, true}) {
                std::vector<Bytes> burst(8, right);
                Bytes& wrong = burst[bit % burst.size()];
                wrong[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
                if (mended && port == kAccess) {
                    mend(wrong, 14 + 32);
                }
                if (mended) {
                    mend(wrong, 14);
                }
                ASSERT_NO_FATAL_FAILURE(compare(with, without, port, burst))
                    << name << ": bit " << bit % 8 << " of byte " << bit / 8 << (mended ? ", sums mended" : "");
            }
        }
    }
    EXPECT_EQ(with.drops(), without.drops());
}

/// One of eight is longer than what it is to leave by takes.
TEST(Express, OneOfEightIsTooLong) {
    for (const std::uint16_t small : {kHome, kAccess}) {
        for (unsigned size = 0; size < 60; ++size) {
            Lab with;
            Lab without{true, false};
            for (Lab* lab : {&with, &without}) {
                let_devices_check(*lab);
                lab->set_mtu(small, 100);
            }
            for (const auto& [name, port, right] : kinds()) {
                const bool down = port == kHome;
                const Ip ip{.src = down ? kPeer : kNode, .dst = down ? kNode : kFar};
                const Stack longer = ip / Udp{.src = 53, .dst = 6000} / Raw{std::string(20 + size, 'y')};
                std::vector<Bytes> burst(8, right);
                burst[size % 8] = (down ? on_home_link(longer) : uplink(longer, kWlan, kWlanPort)).bytes();
                ASSERT_NO_FATAL_FAILURE(compare(with, without, port, burst)) << name << ' ' << size;
            }
        }
    }
}

/// An error or a fragment in the middle of a burst does not let what is behind it go first.
TEST(Express, KeepsTheOrderOfAFlow) {
    Lab lab;
    std::vector<Bytes> burst;
    for (unsigned i = 0; i < 30; ++i) {
        const bool fragment = i % 3 == 1;
        Ip ip{.src = kPeer, .dst = kNode};
        ip.id = static_cast<std::uint16_t>(i);
        ip.mf = fragment;
        burst.push_back(on_home_link(ip / Udp{.src = 1, .dst = 2} / Raw{std::string(8, static_cast<char>(i))}).bytes());
    }
    lab.run_burst(kHome, Origin::wire, burst);
    ASSERT_EQ(lab.emitted.size(), burst.size());
    for (unsigned i = 0; i < burst.size(); ++i) {
        EXPECT_EQ(lab.emitted[i].frame.back(), i);
    }
}

}  // namespace
}  // namespace lab
