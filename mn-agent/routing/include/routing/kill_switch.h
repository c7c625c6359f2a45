#pragma once

#include <string>
#include <vector>

#include "result/result.h"
#include "wire/ipv4.h"

namespace homeward::routing {

struct KillSwitchSettings {
    std::string tunnel_interface;
    wire::Ipv4Address home_agent;
    std::vector<wire::Ipv4Prefix> excluded;  ///< may leave outside the tunnel
    bool block_ipv6 = true;                  ///< false: IPv6 is not our business
};

/// The packet filter that lets nothing leave outside the tunnel: the kernel's table `inet homeward`. Routing alone
/// cannot promise it, because a socket bound to an interface or to a care-of address (any user's) is not led by it.
/// The table outlives the agent, however that ends: closed is what it is until `open` or a reboot.
///
///     output    lo, the tunnel interface                            pass
///               UDP to the home agent's port 434                    pass: registrations and the tunnels
///               UDP from port 68 to port 67 (DHCP), to EXCLUDED     pass
///               ICMPv6 and DHCPv6 to link-local and multicast       pass; all of IPv6 when it is left alone
///               anything else                                       rejected: "administratively prohibited"
///     forward   into the tunnel, out of it, to EXCLUDED             pass; anything else is rejected
///
/// ARP and a DHCP client's raw socket are below it.
class KillSwitch {
  public:
    /// Closes, in one step in place of what was there.
    static Status close(const KillSwitchSettings& settings);
    /// Takes the table away. True: there was one.
    static bool open();
};

}  // namespace homeward::routing
