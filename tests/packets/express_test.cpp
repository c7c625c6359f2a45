// The express lane does with a packet what the general stages would do, or leaves it to them: two home agents alike but
// for the lane get the same frames, right ones and ones that are wrong in one or two places, and must emit and count
// the same.
#include <algorithm>
#include <random>
#include <tuple>

#include "lab.h"

namespace lab {
namespace {

using Random = std::mt19937;

unsigned below(Random& random, unsigned bound) {
    return static_cast<unsigned>(random() % bound);
}

Address any_of(Random& random, std::initializer_list<Address> addresses) {
    return addresses.begin()[below(random, static_cast<unsigned>(addresses.size()))];
}

Stack payload(Random& random, Address from, Address to) {
    const std::string data(below(random, 8) == 0 ? 1400 + below(random, 90) : below(random, 60), 'x');
    Ip ip{.src = from, .dst = to};
    ip.tos = below(random, 3) == 0 ? static_cast<std::uint8_t>(random()) : std::uint8_t{0};
    ip.ttl = static_cast<std::uint8_t>(below(random, 6) == 0 ? below(random, 3) : 64);
    switch (below(random, 6)) {
        case 0:
            return ip / Tcp{.src = 443, .dst = 5000} / Raw{data};
        case 1:
            return ip / Tcp{.src = 80, .dst = 5000, .flags = 2} / Raw{data};
        case 2:
            return ip / Icmp{.type = 8} / Raw{data};
        case 3:
            return ip / Udp{.src = static_cast<std::uint16_t>(below(random, 3) == 0 ? 434 : 4000), .dst = 434} /
                   Raw{data};
        default:
            return ip / Udp{.src = 53, .dst = 6000} / Raw{data};
    }
}

/// A frame that may be in order, and the port it comes in by.
std::tuple<std::uint16_t, Bytes> frame(Random& random) {
    if (below(random, 2) == 0) {
        const Address from = any_of(random, {kPeer, kPeer, kFar, kHomeAgent, kHomeOwn, kNode2, "127.0.0.1"});
        const Address to = any_of(random, {kNode, kNode, kNode2, "158.132.10.14", kFar});
        return {kHome, on_home_link(payload(random, from, to)).bytes()};
    }
    const Address home = any_of(random, {kNode, kNode, kNode2, kFar});
    const Address to = any_of(random, {kPeer, kPeer, kFar, kNode2, kHomeAgent, "224.0.0.5", "158.132.10.255"});
    const bool wlan = below(random, 2) == 0;
    return {kAccess, uplink(payload(random, home, to), wlan ? kWlan : kCellular, wlan ? kWlanPort : kCellularPort,
                            static_cast<std::uint8_t>(below(random, 5)))
                         .bytes()};
}

/// One that the lane takes, unless it has the packet's last hop before it.
std::tuple<std::uint16_t, Bytes> plain_frame(Random& random) {
    const bool down = below(random, 2) == 0;
    Ip ip{.src = down ? kPeer : kNode, .dst = down ? kNode : kPeer};
    ip.ttl = static_cast<std::uint8_t>(below(random, 12) == 0 ? 1 : 64);
    const Stack packet = ip / Udp{.src = 53, .dst = 6000} / Raw{std::string(below(random, 60), 'x')};
    return down ? std::tuple{kHome, on_home_link(packet).bytes()}
                : std::tuple{kAccess, uplink(packet, kWlan, kWlanPort).bytes()};
}

/// `most` changes: a byte of the headers, or the frame's length.
void spoil(Random& random, Bytes& bytes, unsigned most) {
    for (unsigned changes = below(random, most + 1); changes != 0; --changes) {
        if (below(random, 8) == 0) {
            bytes.resize(below(random, 2) == 0 ? below(random, static_cast<unsigned>(bytes.size()) + 1)
                                               : bytes.size() + below(random, 20));
        } else if (bytes.size() > 20) {
            const unsigned at = below(random, std::min<unsigned>(90, static_cast<unsigned>(bytes.size())));
            bytes[at] = static_cast<std::uint8_t>(random());
            // A checksum that is wrong hides every other mistake from the stages behind it: often, mend it.
            if (at >= 14 && at < 34 && below(random, 4) != 0) {
                bytes[24] = bytes[25] = 0;
                const std::uint16_t sum = harness::internet_checksum(&bytes[14], 20);
                bytes[24] = static_cast<std::uint8_t>(sum >> 8);
                bytes[25] = static_cast<std::uint8_t>(sum);
            }
        }
    }
}

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

const World kWorlds[] = {
    {"as_usual", [](Lab&) {}},
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
     [](Lab& lab) {
         tables::Port port = lab.port(kAccess);
         port.tx_checksum_offload = true;
         lab.tables().set_port(kAccess, port);
     }},
    {"udp_checksums_by_the_port",
     [](Lab& lab) {
         tables::Port port = lab.port(kAccess);
         port.tx_udp_offload = true;
         lab.tables().set_port(kAccess, port);
     }},
    {"checked_on_receipt", [](Lab& lab) { lab.rx_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD; }},
    {"checksums_open", [](Lab& lab) { lab.rx_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_NONE; }},
    {"checked_and_bad", [](Lab& lab) { lab.rx_flags = RTE_MBUF_F_RX_IP_CKSUM_BAD; }},
    {"small_egress", [](Lab& lab) { lab.set_mtu(kAccess, 1200); }},
    {"port_down",
     [](Lab& lab) {
         tables::Port port = lab.port(kHome);
         port.up = false;
         lab.tables().set_port(kHome, port);
     }},
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

class ExpressWorlds : public testing::TestWithParam<World> {};

/// `plain`: mostly what the lane takes, so that it has groups of nothing else, and groups in which one gives up.
void compare(Lab& with, Lab& without, unsigned burst, bool plain, Random& random) {
    std::vector<Bytes> frames[2];
    for (unsigned i = 0; i < burst; ++i) {
        auto [port, bytes] = plain ? plain_frame(random) : frame(random);
        spoil(random, bytes, plain ? below(random, 12) / 11 : 2);
        frames[port].push_back(std::move(bytes));
    }
    for (const std::uint16_t port : {kAccess, kHome}) {
        for (Lab* lab : {&with, &without}) {
            lab->emitted.clear();
            lab->requests.clear();
            lab->run_burst(port, Origin::wire, frames[port]);
            lab->advance_ms(2000);  // budgets for errors and echoes are full again
            lab->tick();
        }
        ASSERT_EQ(seen(with.emitted), seen(without.emitted)) << difference(with, without);
        ASSERT_EQ(with.requests.size(), without.requests.size());
    }
}

TEST_P(ExpressWorlds, OneByOneAndInBursts) {
    Random random{std::random_device{}()};
    const auto seed = static_cast<unsigned>(random());
    SCOPED_TRACE("seed " + std::to_string(seed));
    random.seed(seed);
    Lab with;
    Lab without{true, false};
    GetParam().prepare(with);
    GetParam().prepare(without);
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

INSTANTIATE_TEST_SUITE_P(Worlds, ExpressWorlds, testing::ValuesIn(kWorlds),
                         [](const auto& row) { return std::string{row.param.name}; });

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
