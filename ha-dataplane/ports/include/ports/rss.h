#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace homeward::ports {

/// What decides into which of a device's receive queues a packet goes.
enum class Spread : std::uint8_t {
    /// A tunnel's outer tuple: nodes behind one NAT have one address and differ by their ports.
    addresses_and_ports,
    /// On a home link: fragments have no ports, and must meet the worker that saw their first one.
    addresses,
};

/// How a device is asked to spread packets.
struct RssChoice {
    std::uint64_t types = 0;        ///< RTE_ETH_RSS_…; 0: the device knows none of ours
    std::vector<std::uint8_t> key;  ///< of the device's size; empty: the driver's own
    std::string description;        ///< for the line about the port at the start, fall-backs included
};

/// Pure. `offered`: rte_eth_dev_info's flow_type_rss_offloads; `key_size`: its hash_key_size, 0 where the driver does
/// not say.
///
/// The key is one pattern of 16 bits, repeated, under which both directions of a flow have one hash. Nothing here
/// depends on that; a transit connection finds its neighbours and routes in one core's caches.
RssChoice choose_rss(std::uint64_t offered, unsigned key_size, Spread wanted);

}  // namespace homeward::ports
