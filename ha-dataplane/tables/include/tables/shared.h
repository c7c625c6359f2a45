#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "ipc/messages.h"
#include "tables/binding.h"
#include "wire/ipv4.h"

namespace homeward::tables {

inline constexpr unsigned kMaxPorts = 16;
inline constexpr unsigned kMaxHomeNetworks = 64;
inline constexpr std::uint16_t kNoPort = 0xffff;

using MacAddress = std::array<std::uint8_t, 6>;

/// A DPDK port as the pipeline needs it; the index is DPDK's port id.
struct Port {
    std::string name;  ///< the configuration's
    MacAddress mac{};
    std::uint16_t mtu = 1500;  ///< bytes of IP packet
    bool up = true;
    bool tx_checksum_offload = false;  ///< the port computes checksums of IPv4 headers and UDP
    bool tx_udp_offload = false;       ///< of UDP at least: some devices leave IPv4 headers to us (virtio, vmxnet3)
    bool present = false;
};

/// A prefix that home addresses come from.
struct HomeNetwork {
    wire::Ipv4Prefix prefix;
    std::uint16_t port = kNoPort;  ///< on whose link the addresses are proxied; kNoPort: routed only
};

/// What changes rarely: replaced whole, immutable once published.
struct Shared {
    std::uint32_t number = 0;  ///< of those published; a pointer may come again
    ipc::Settings settings;
    bool settled = false;  ///< settings were given: until then no packet is tunnel data or goes into a tunnel
    std::array<Port, kMaxPorts> ports;
    unsigned home_network_count = 0;
    std::array<HomeNetwork, kMaxHomeNetworks> home_networks;  ///< longest prefix first

    const HomeNetwork* home_network(wire::Ipv4Address address) const noexcept {
        for (unsigned i = 0; i < home_network_count; ++i) {
            if (home_networks[i].prefix.contains(address)) {
                return &home_networks[i];
            }
        }
        return nullptr;
    }
};

}  // namespace homeward::tables
