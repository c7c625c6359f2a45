// What devices do about checksums, or do not: the same packets leave in the end, and the same are refused.
#include <rte_mbuf.h>

#include "lab.h"

namespace lab {
namespace {

std::uint16_t get(const Bytes& frame, std::size_t at) {
    return static_cast<std::uint16_t>(frame[at] << 8 | frame[at + 1]);
}

void put(Bytes& frame, std::size_t at, unsigned value) {
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
}

/// What hardware does on transmission: the IPv4 header's sum, and the datagram's with the pseudo header's that it
/// finds in the field.
Bytes sent_by_the_device(const Emitted& emitted) {
    Bytes frame = emitted.frame;
    if ((emitted.offloads & RTE_MBUF_F_TX_IP_CKSUM) != 0) {
        EXPECT_EQ(get(frame, 24), 0U) << "devices expect an empty field";
        put(frame, 24, harness::internet_checksum(&frame[14], 20));
    }
    if ((emitted.offloads & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM) {
        const std::uint16_t sum = harness::internet_checksum(&frame[34], frame.size() - 34);
        put(frame, 40, sum == 0 ? 0xffff : sum);
    }
    return frame;
}

Stack packet(Address from = kFar, std::uint8_t ttl = 64, Raw data = Raw{"down"}) {
    return Ip{.src = from, .dst = kNode, .ttl = ttl} / Udp{.src = 5000, .dst = 9} / std::move(data);
}

enum class Device : std::uint8_t { none, udp, all };

void set_device(Lab& lab, Device device) {
    tables::Port port = lab.port(kAccess);
    port.tx_checksum_offload = device == Device::all;
    port.tx_udp_offload = device != Device::none;
    lab.tables().set_port(kAccess, port);
}

void set_checksum(Lab& lab, ipc::Checksum checksum) {
    lab.settings().udp_checksum = checksum;
    lab.apply_settings();
}

TEST(Offloads, OnTransmission) {
    struct Row {
        Device device;
        ipc::Checksum checksum;
        std::uint64_t flags;
    };
    constexpr std::uint64_t kIp = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
    constexpr std::uint64_t kUdp = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
    constexpr Row kRows[] = {
        {Device::none, ipc::Checksum::compute, 0},         {Device::none, ipc::Checksum::zero, 0},
        {Device::udp, ipc::Checksum::compute, kUdp},       {Device::udp, ipc::Checksum::zero, 0},
        {Device::all, ipc::Checksum::compute, kIp | kUdp}, {Device::all, ipc::Checksum::zero, kIp},
    };
    const Stack zero = Ether{.dst = kGatewayMac, .src = kAccessMac} /
                       Ip{.src = kHomeAgent, .dst = kWlan, .id = 0, .df = true} /
                       Udp{.src = 434, .dst = kWlanPort, .checksum = 0} / Tunnel{} / packet(kFar, 63);
    for (const Row& row : kRows) {
        for (const bool express : {false, true}) {
            SCOPED_TRACE(testing::Message() << "device " << static_cast<int>(row.device) << " checksum "
                                            << static_cast<int>(row.checksum) << " express " << express);
            Lab lab{true, express};
            set_device(lab, row.device);
            set_checksum(lab, row.checksum);
            lab.run(kHome, Origin::wire, on_home_link(packet()).bytes());
            ASSERT_EQ(lab.emitted.size(), 1U);
            EXPECT_EQ(lab.emitted[0].offloads, row.flags);
            const Bytes frame = sent_by_the_device(lab.emitted[0]);
            EXPECT_EQ(harness::checksum_fault(frame), "");
            const Stack& expected = row.checksum == ipc::Checksum::zero ? zero : downlink(packet(kFar, 63));
            EXPECT_EQ(harness::to_hex(normalised(frame)), harness::to_hex(expected.bytes()));
        }
    }
}

/// Zero on the wire says that there is no checksum (RFC 768).
TEST(Offloads, AChecksumOfZeroIsSentAsOnes) {
    const auto data = [](unsigned word) {
        return Raw{Bytes{static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)}};
    };
    // The inner checksum is left out, so that the word counts once.
    const auto inner = [&](unsigned word, std::uint8_t ttl) {
        return Ip{.src = kFar, .dst = kNode, .ttl = ttl} / Udp{.src = 5000, .dst = 9, .checksum = 0} / data(word);
    };
    const std::uint16_t word = get(downlink(inner(0, 63)).bytes(), 40);
    for (const Device device : {Device::none, Device::udp, Device::all}) {
        Lab lab;
        set_device(lab, device);
        lab.run(kHome, Origin::wire, on_home_link(inner(word, 64)).bytes());
        ASSERT_EQ(lab.emitted.size(), 1U);
        EXPECT_EQ(get(sent_by_the_device(lab.emitted[0]), 40), 0xffff);
    }
}

/// A chain's bytes count wherever they lie.
TEST(Offloads, ChainsOnTransmission) {
    const Stack big = Ip{.src = kNode2, .dst = kNode} / Udp{.src = 1, .dst = 2} / Raw::pattern(4001);
    const Stack after = Ip{.src = kNode2, .dst = kNode, .ttl = 63} / Udp{.src = 1, .dst = 2} / Raw::pattern(4001);
    for (const Device device : {Device::none, Device::udp, Device::all}) {
        Lab lab;
        lab.set_mtu(kAccess, 9000);
        lab.settings().tunnel_mtu = 8968;
        set_device(lab, device);
        lab.apply_settings();
        lab.put(lab.node_record());
        lab.run(kAccess, Origin::wire, uplink(big, kWlan2, kWlan2Port).bytes());
        ASSERT_EQ(lab.emitted.size(), 1U);
        EXPECT_EQ(harness::to_hex(normalised(sent_by_the_device(lab.emitted[0]))),
                  harness::to_hex(downlink(after).bytes()));
    }
}

/// What the device says of an IPv4 header or a UDP checksum, and what is true.
TEST(Offloads, OnReceipt) {
    enum class Truth : std::uint8_t { right, wrong, zero };
    struct Row {
        const char* name;
        std::uint64_t flags;
        Truth ip, udp;
        std::vector<Drop> drops;
    };
    using enum Truth;
    const Row rows[] = {
        {"ip_unknown_right", RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN, right, right, {}},
        {"ip_unknown_wrong", RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN, wrong, right, {Drop::classify_bad_checksum}},
        {"ip_good", RTE_MBUF_F_RX_IP_CKSUM_GOOD, right, right, {}},
        {"ip_bad", RTE_MBUF_F_RX_IP_CKSUM_BAD, wrong, right, {Drop::classify_bad_checksum}},
        {"ip_none_right", RTE_MBUF_F_RX_IP_CKSUM_NONE, right, right, {}},
        {"ip_none_open", RTE_MBUF_F_RX_IP_CKSUM_NONE, wrong, right, {}},
        {"udp_unknown_right", RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, right, right, {}},
        {"udp_unknown_wrong", RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, right, wrong, {Drop::decap_udp_checksum}},
        {"udp_unknown_zero", RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, right, zero, {}},
        {"udp_good", RTE_MBUF_F_RX_L4_CKSUM_GOOD, right, right, {}},
        {"udp_good_zero", RTE_MBUF_F_RX_L4_CKSUM_GOOD, right, zero, {}},
        // Some devices call a checksum bad that they cannot check: it is looked at.
        {"udp_bad_right", RTE_MBUF_F_RX_L4_CKSUM_BAD, right, right, {}},
        {"udp_bad_wrong", RTE_MBUF_F_RX_L4_CKSUM_BAD, right, wrong, {Drop::decap_udp_checksum}},
        {"udp_bad_zero", RTE_MBUF_F_RX_L4_CKSUM_BAD, right, zero, {}},
        {"udp_none_open", RTE_MBUF_F_RX_L4_CKSUM_NONE, right, wrong, {}},
        {"udp_none_zero", RTE_MBUF_F_RX_L4_CKSUM_NONE, right, zero, {}},
        {"both_good", RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, right, right, {}},
        {"both_open", RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE, wrong, wrong, {}},
    };
    const auto inner = [](std::uint8_t ttl) {
        return Ip{.src = kNode, .dst = kPeer, .ttl = ttl} / Udp{.src = 1, .dst = 2} / Raw{"up"};
    };
    for (const Row& row : rows) {
        for (const bool express : {false, true}) {
            SCOPED_TRACE(testing::Message() << row.name << (express ? ", express" : ""));
            Lab lab{true, express};
            lab.rx_flags = row.flags;
            Bytes frame = uplink(inner(64)).bytes();
            put(frame, 24, get(frame, 24) ^ (row.ip == wrong ? 0x0101U : 0U));
            put(frame, 40, row.udp == zero ? 0U : get(frame, 40) ^ (row.udp == wrong ? 0x0101U : 0U));
            lab.run(kAccess, Origin::wire, frame);
            std::map<std::string, std::uint64_t> drops;
            for (const Drop drop : row.drops) {
                ++drops[std::string{name(drop)}];
            }
            EXPECT_EQ(lab.drops(), drops);
            ASSERT_EQ(lab.emitted.size(), row.drops.empty() ? 1U : 0U);
            if (row.drops.empty()) {
                EXPECT_EQ(harness::to_hex(lab.emitted[0].frame), harness::to_hex(to_peer(inner(63)).bytes()));
                EXPECT_EQ(lab.emitted[0].offloads, 0U);
            }
        }
    }
}

/// Checksums that a neighbour on the same machine left open are filled in before the packet goes on.
TEST(Offloads, OpenChecksumsAreCompleted) {
    struct Row {
        const char* name;
        std::uint16_t port;
        Stack in;
        Emitted out;
        std::size_t field;  ///< of the transport's checksum in the frame
    };
    const auto udp = [](Address from, Address to, std::uint8_t ttl) {
        return Ip{.src = from, .dst = to, .ttl = ttl} / Udp{.src = 7, .dst = 8} / Raw{"odd"};
    };
    const auto tcp = [](Address from, Address to, std::uint8_t ttl) {
        return Ip{.src = from, .dst = to, .ttl = ttl} / Tcp{.src = 7, .dst = 8} / Raw{"odd"};
    };
    const auto options = [](std::uint8_t ttl) {
        return Ip{.src = kFar, .dst = kNode, .ttl = ttl, .options = {1, 1, 1, 0}} / Udp{.src = 7, .dst = 8} / Raw{"x"};
    };
    const auto sums_to_zero = [&](std::uint8_t ttl) {
        const auto with = [&](unsigned word) {
            return Ip{.src = kFar, .dst = kNode, .ttl = ttl} / Udp{.src = 7, .dst = 8} /
                   Raw{Bytes{static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)}};
        };
        return with(get(on_home_link(with(0)).bytes(), 40));
    };
    const Stack reply = Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = kFar, .dst = kHomeAgent} /
                        Udp{.src = 7, .dst = 434} / Raw{"\x01request"};
    const Row rows[] = {
        {"udp_to_a_node", kHome, on_home_link(udp(kFar, kNode, 64)), sent(kAccess, downlink(udp(kFar, kNode, 63))), 40},
        {"tcp_to_a_node", kHome, on_home_link(tcp(kFar, kNode, 64)), sent(kAccess, downlink(tcp(kFar, kNode, 63))), 50},
        {"options", kHome, on_home_link(options(64)), sent(kAccess, downlink(options(63))), 44},
        {"udp_that_sums_to_zero", kHome, on_home_link(sums_to_zero(64)), sent(kAccess, downlink(sums_to_zero(63))), 40},
        {"udp_in_transit", kHome, on_home_link(udp(kPeer, kFar, 64)), sent(kAccess, to_gateway(udp(kPeer, kFar, 63))),
         40},
        {"tcp_in_transit", kHome, on_home_link(tcp(kPeer, kFar, 64)), sent(kAccess, to_gateway(tcp(kPeer, kFar, 63))),
         50},
        {"registration", kAccess, reply, to_kernel(kAccess, KernelClass::registration, reply), 40},
    };
    for (const Row& row : rows) {
        for (const bool header : {false, true}) {  // whether the IPv4 header's is open, too
            SCOPED_TRACE(testing::Message() << row.name << (header ? ", and the header" : ""));
            Lab lab;
            lab.rx_flags =
                RTE_MBUF_F_RX_L4_CKSUM_NONE | (header ? RTE_MBUF_F_RX_IP_CKSUM_NONE : RTE_MBUF_F_RX_IP_CKSUM_GOOD);
            Bytes frame = row.in.bytes();
            put(frame, 24, header ? 0xbeef : get(frame, 24));
            put(frame, row.field, 0xbeef);
            frame.insert(frame.end(), 6, 0xee);  // Ethernet padding
            if (row.out.kernel) {
                frame.resize(frame.size() - 6);
            }
            lab.run(row.port, Origin::wire, frame);
            ASSERT_EQ(lab.emitted.size(), 1U);
            EXPECT_EQ(lab.emitted[0].kernel, row.out.kernel);
            EXPECT_EQ(harness::to_hex(normalised(lab.emitted[0].frame)), harness::to_hex(normalised(row.out.frame)));
        }
    }
}

/// There is nothing to complete where no checksum is used or none can be.
TEST(Offloads, WhatHasNoChecksumStaysAsItIs) {
    const auto udp = [](Udp header, std::uint8_t ttl) {
        return Ip{.src = kPeer, .dst = kFar, .ttl = ttl} / header / Raw{"odd"};
    };
    const auto fragment = [](std::uint8_t ttl) {
        return Ip{.src = kPeer, .dst = kFar, .ttl = ttl, .mf = true, .protocol = 17} / Raw::pattern(16);
    };
    const auto other = [](std::uint8_t protocol, std::size_t size, std::uint8_t ttl) {
        return Ip{.src = kPeer, .dst = kFar, .ttl = ttl, .protocol = protocol} / Raw::pattern(size);
    };
    const std::pair<Stack, Stack> rows[] = {
        {udp({.checksum = 0}, 64), udp({.checksum = 0}, 63)},
        {udp({.length = 99, .checksum = 7}, 64), udp({.length = 99, .checksum = 7}, 63)},
        {fragment(64), fragment(63)},
        {other(17, 4, 64), other(17, 4, 63)},
        {other(6, 12, 64), other(6, 12, 63)},
        {other(132, 40, 64), other(132, 40, 63)},
    };
    for (const auto& [in, out] : rows) {
        Lab lab;
        lab.rx_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_NONE;
        lab.run(kHome, Origin::wire, on_home_link(in).bytes());
        ASSERT_EQ(lab.emitted.size(), 1U);
        EXPECT_EQ(harness::to_hex(lab.emitted[0].frame), harness::to_hex(to_gateway(out).bytes()));
    }
}

}  // namespace
}  // namespace lab
