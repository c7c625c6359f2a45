#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "netlink/socket.h"
#include "result/result.h"
#include "uplinks/link_model.h"
#include "wire/ipv4.h"

namespace homeward::routing {

/// Marks every rule and route as ours (`proto 72` in `ip rule`), so that a later run finds what a killed one left.
inline constexpr std::uint8_t kProtocol = 72;

struct Settings {
    std::string tunnel_interface;
    std::uint32_t table = 0;                 ///< the tunnel's; uplink k uses table + 1 + k
    std::uint32_t priority = 0;              ///< four consecutive rule priorities from here
    std::vector<wire::Ipv4Prefix> prefixes;  ///< through the tunnel; empty: everything
    std::vector<wire::Ipv4Prefix> excluded;  ///< left to the main table
    wire::Ipv4Address home_agent;
    bool block_ipv6 = true;
};

/// The node's routing while the agent runs: rules before the main table, tables of its own.
///
///     priority      rule                          table
///     p             from CARE-OF                  table + 1 + k: the uplink's link and gateway
///     p + 1         from HOME                     table: default dev homeward0 src HOME
///     p + 2         to EXCLUDED                   main
///     p + 3         everything, or to PREFIX …    table
///     p (IPv6)      everything                    table: unreachable (link-local and multicast thrown back)
///
/// The tunnel's sockets are bound to interface and care-of address, so rule p carries them out of their own uplink,
/// whatever the main table says, and the reverse-path filter finds that uplink for what comes back, even in strict
/// mode and with the same subnet on both sides. There is no host route to the home agent: its own services are
/// reached inside. Nothing of the main table is touched.
class Routing {
  public:
    static Result<Routing> open(Settings settings);

    /// Removes what an earlier run left behind. Returns how many rules there were.
    int clean();
    /// Sends the node's traffic into the tunnel, from `home_address`. The interface must be up.
    Status enter(wire::Ipv4Address home_address);
    /// The inverse of everything above and below.
    void leave();

    /// Puts uplink `slot`'s rule and table in place for its present attachment; without an address, removes them.
    Status set_uplink(unsigned slot, const uplinks::Attachment& attachment,
                      const std::optional<wire::Ipv4Address>& configured_gateway);

    int set_link(const std::string& interface, bool up, std::uint32_t mtu);
    int add_address(const std::string& interface, wire::Ipv4Address address);

  private:
    explicit Routing(Settings settings, netlink::Socket socket)
        : settings_(std::move(settings)), socket_(std::move(socket)) {}

    struct Rule {
        int family = 0;
        std::uint32_t priority = 0;
        std::uint32_t table = 0;
        std::optional<wire::Ipv4Prefix> from, to;
    };
    int change_rule(bool add, const Rule& rule);
    int block_ipv6(bool block);
    int add_default(std::uint32_t table, int interface, const std::optional<wire::Ipv4Address>& gateway,
                    const std::optional<wire::Ipv4Address>& source);
    int add_link_route(std::uint32_t table, int interface, const wire::Ipv4Prefix& prefix);
    void flush(int family, std::uint32_t table);
    int remove_rules(int family);
    Status add_all(const std::vector<Rule>& rules);

    Settings settings_;
    netlink::Socket socket_;
    std::map<unsigned, Rule> uplink_rules_;
};

}  // namespace homeward::routing
