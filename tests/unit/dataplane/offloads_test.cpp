#include <gtest/gtest.h>

#include "ports/port.h"

namespace homeward::ports {
namespace {

TEST(Offloads, WhatADeviceCanDoAndWhatIsUsed) {
    constexpr std::uint64_t kIp = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, kUdp = RTE_ETH_TX_OFFLOAD_UDP_CKSUM,
                            kChains = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    constexpr std::uint64_t kOthers =
        RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
    struct Row {
        std::uint64_t can, used;
    };
    constexpr Row kRows[] = {
        {0, 0},
        {kOthers, 0},
        {kIp, 0},  // a header's sum costs less than telling the device
        {kUdp, kUdp},
        {kIp | kUdp, kIp | kUdp},
        {kChains, kChains},
        {kIp | kChains, kChains},
        {kUdp | kChains | kOthers, kUdp | kChains},
        {kIp | kUdp | kChains | kOthers, kIp | kUdp | kChains},
    };
    for (const Row& row : kRows) {
        rte_eth_dev_info device{};
        device.tx_offload_capa = row.can;
        const Offloads offloads = Offloads::of(device, {});
        EXPECT_EQ(offloads.tx, row.used) << std::hex << row.can;
        EXPECT_EQ(offloads.ipv4_checksum(), (row.used & kIp) != 0);
        EXPECT_EQ(offloads.udp_checksum(), (row.used & kUdp) != 0);
        EXPECT_EQ(offloads.multi_segment(), (row.used & kChains) != 0);
    }
}

TEST(Offloads, ChecksumsOnReceiptAndNothingElse) {
    rte_eth_dev_info device{};
    EXPECT_EQ(Offloads::of(device, {}).rx, 0U);
    device.rx_offload_capa = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
    EXPECT_EQ(Offloads::of(device, {}).rx, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM);
    device.rx_offload_capa |= RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
    EXPECT_EQ(Offloads::of(device, {}).rx, std::uint64_t{RTE_ETH_RX_OFFLOAD_CHECKSUM});
}

TEST(Offloads, TagsWhereThereAreVlans) {
    rte_eth_dev_info device{};
    device.rx_offload_capa = RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
    device.tx_offload_capa = RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
    EXPECT_EQ(Offloads::of(device, {}).rx, 0U);
    EXPECT_FALSE(Offloads::of(device, {}).vlan_insert());
    PortOptions options;
    options.vlans = {7};
    EXPECT_EQ(Offloads::of(device, options).rx, RTE_ETH_RX_OFFLOAD_VLAN_STRIP);
    EXPECT_TRUE(Offloads::of(device, options).vlan_insert());
    options.untagged = false;
    EXPECT_EQ(Offloads::of(device, options).rx, device.rx_offload_capa);
    EXPECT_FALSE(Offloads::of({}, options).vlan_insert());
}

}  // namespace
}  // namespace homeward::ports
