#pragma once

#include <cstdint>

#include "policy/rule.h"
#include "tables/tables.h"

namespace bench {

using namespace homeward;

inline constexpr std::uint16_t kAccess = 0, kHome = 1;  ///< DPDK port ids
inline constexpr std::uint32_t kHomeAgent = 0xc0a80001;
inline constexpr std::uint32_t kAccessGateway = 0xc0a800fe, kHomeGateway = 0xc0a801fe;
inline constexpr std::uint16_t kTunnelPort = 434, kWlanPort = 40000, kCellularPort = 41000;
inline constexpr tables::MacAddress kGatewayMac{2, 0, 0, 0, 0, 0xfe};

/// Who there is: `count` nodes, spread evenly over four home networks, each with a WLAN and a cellular uplink, and
/// correspondents anywhere in 128.0.0.0/3. Everything is arithmetic, so that making frames reads no table.
class Population {
  public:
    static constexpr std::uint32_t kNetworks = 4;

    /// `policies`: of the same rules, each node in turn has another one.
    Population(std::uint32_t nodes, std::uint32_t rules, std::uint32_t policies = 1)
        : nodes_(nodes), rules_(rules), policies_(policies) {}

    std::uint32_t nodes() const noexcept { return nodes_; }
    std::uint32_t rules() const noexcept { return rules_; }
    std::uint32_t policies() const noexcept { return policies_; }
    /// Home networks are 10.0.0.0/12, 10.64.0.0/12, …
    std::uint32_t home_address(std::uint32_t node) const noexcept {
        return 0x0a000000 | (node % kNetworks) << 22 | (256 + node / kNetworks);
    }
    static std::uint32_t care_of(std::uint32_t node, bool cellular) noexcept {
        return (cellular ? 0x64400000U : 0xac100000U) + node;
    }
    /// The host that rule `rule` is about.
    static std::uint32_t correspondent(std::uint32_t rule) noexcept {
        return 0x80000000U | ((rule + 1) * 0x9e3779b1U >> 3);
    }

    ipc::Binding binding(std::uint32_t node, std::uint32_t policy) const noexcept;
    /// `rules` host rules, every other one for cellular first.
    policy::Policy policy() const;
    wire::Ipv4Prefix home_network(std::uint32_t number) const noexcept;

  private:
    std::uint32_t nodes_, rules_, policies_;
};

/// Fills tables with the population's nodes, the policies, and the routes and neighbours it needs.
void populate(tables::Tables& tables, const Population& population, bool checksum_offload);

}  // namespace bench
