#include "ports/rss.h"

#include <gtest/gtest.h>
#include <rte_ethdev.h>

namespace homeward::ports {
namespace {

constexpr std::uint64_t kPlain = RTE_ETH_RSS_IPV4;
constexpr std::uint64_t kOther = RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER;
constexpr std::uint64_t kPorts = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV4_TCP;

TEST(Rss, AsksForWhatTheDeviceHas) {
    using enum Spread;
    struct {
        std::uint64_t offered;
        unsigned key_size;
        Spread wanted;
        std::uint64_t types;
        std::string description;
    } const rows[] = {
        {kPlain | kOther | kPorts | RTE_ETH_RSS_IPV6, 40, addresses_and_ports, kPlain | kOther | kPorts,
         "RSS by addresses and ports, symmetric key"},
        {kPlain | kOther | kPorts, 52, addresses, kPlain | kOther, "RSS by addresses, symmetric key"},
        {kPlain | kPorts, 0, addresses, kPlain, "RSS by addresses, the driver's key"},
        // As i40e: what has ports is never hashed by addresses alone.
        {kOther | kPorts, 52, addresses, kOther | kPorts,
         "RSS by addresses and ports (addresses alone are not offered), symmetric key"},
        {kPlain, 40, addresses_and_ports, kPlain, "RSS by addresses (ports are not offered), symmetric key"},
        {RTE_ETH_RSS_IPV6, 40, addresses, 0, "no RSS: the device fills its queues in its own way"},
        {0, 0, addresses_and_ports, 0, "no RSS: the device fills its queues in its own way"},
    };
    for (const auto& row : rows) {
        const RssChoice choice = choose_rss(row.offered, row.key_size, row.wanted);
        EXPECT_EQ(choice.types, row.types) << row.description;
        EXPECT_EQ(choice.key.size(), row.types == 0 ? 0 : row.key_size) << row.description;
        EXPECT_EQ(choice.description, row.description);
    }
}

/// Toeplitz as Microsoft's RSS specification words it.
std::uint32_t toeplitz(const std::vector<std::uint8_t>& key, const std::vector<std::uint8_t>& input) {
    std::uint32_t hash = 0;
    for (std::size_t bit = 0; bit < input.size() * 8; ++bit) {
        if ((input[bit / 8] >> (7 - bit % 8) & 1) != 0) {
            for (unsigned i = 0; i < 32; ++i) {
                hash ^= static_cast<std::uint32_t>(key[(bit + i) / 8] >> (7 - (bit + i) % 8) & 1) << (31 - i);
            }
        }
    }
    return hash;
}

TEST(Rss, TheKeySeesBothDirectionsAlikeAndTellsNodesApart) {
    const auto key = choose_rss(kPlain | kPorts, 40, Spread::addresses_and_ports).key;
    EXPECT_EQ(toeplitz(key, {10, 0, 0, 1, 192, 0, 2, 9, 0x12, 0x34, 0xab, 0xcd}),
              toeplitz(key, {192, 0, 2, 9, 10, 0, 0, 1, 0xab, 0xcd, 0x12, 0x34}));
    // 256 nodes of one network, and 256 behind one NAT, over the 128 entries that most NICs' tables have.
    std::array<unsigned, 128> by_address{}, by_port{};
    for (unsigned i = 0; i < 256; ++i) {
        const auto node = static_cast<std::uint8_t>(i);
        ++by_address[toeplitz(key, {10, 0, 0, node, 192, 0, 2, 9, 0x12, 0x34, 1, 0xb2}) % 128];
        ++by_port[toeplitz(key, {10, 0, 0, 1, 192, 0, 2, 9, 0x12, node, 1, 0xb2}) % 128];
    }
    for (unsigned entry = 0; entry < 128; ++entry) {
        EXPECT_EQ(by_address[entry], 2U);
        EXPECT_EQ(by_port[entry], 2U);
    }
}

}  // namespace
}  // namespace homeward::ports
