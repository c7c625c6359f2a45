#include "ports/rss.h"

#include <rte_ethdev.h>

namespace homeward::ports {
namespace {

constexpr std::uint64_t kAddresses = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER;
constexpr std::uint64_t kPorts = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV4_TCP;

}  // namespace

RssChoice choose_rss(std::uint64_t offered, unsigned key_size, Spread wanted) {
    RssChoice choice;
    // Only the IPv4 type covers what has ports, too, by its addresses.
    const bool addresses_alone = (offered & RTE_ETH_RSS_IPV4) != 0;
    const bool with_ports = (offered & kPorts) != 0 && (wanted == Spread::addresses_and_ports || !addresses_alone);
    choice.types = offered & (with_ports ? kAddresses | kPorts : kAddresses);
    if (choice.types == 0) {
        choice.description = "no RSS: the device fills its queues in its own way";
        return choice;
    }
    choice.description = with_ports ? "RSS by addresses and ports" : "RSS by addresses";
    if (with_ports != (wanted == Spread::addresses_and_ports)) {
        choice.description += with_ports ? " (addresses alone are not offered)" : " (ports are not offered)";
    }
    for (unsigned i = 0; i < key_size; ++i) {
        choice.key.push_back(i % 2 == 0 ? 0x6d : 0x5a);
    }
    choice.description += choice.key.empty() ? ", the driver's key" : ", symmetric key";
    return choice;
}

}  // namespace homeward::ports
