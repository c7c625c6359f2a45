#include "routing/kill_switch.h"

#include <linux/in6.h>
#include <linux/netfilter.h>

#include <cerrno>
#include <cstring>

#include "filter_batch.h"
#include "homeward/tunnel.h"

namespace homeward::routing {
namespace {

const std::string kTable = "homeward";
const std::string kOutput = "output";
const std::string kForward = "forward";

void add_exclusions(FilterBatch& batch, const KillSwitchSettings& settings, const std::string& chain) {
    for (const wire::Ipv4Prefix& prefix : settings.excluded) {
        batch.add(FilterRule(kTable, chain).to(prefix).accept());
    }
}

/// Neighbour discovery, router solicitation, MLD and DHCPv6: without them the link has no IPv6 when the switch opens.
/// Names asked for by multicast (mDNS, LLMNR) are not among them.
void add_ipv6_signalling(FilterBatch& batch) {
    constexpr std::uint16_t kDhcpClient = 546;
    constexpr std::uint16_t kDhcpServer = 547;
    struct Destination {
        std::uint16_t bits, mask;
    };
    for (const auto [bits, mask] : {Destination{0xfe80, 0xffc0}, Destination{0xff00, 0xff00}}) {
        batch.add(FilterRule(kTable, kOutput).to_ipv6(bits, mask).protocol(IPPROTO_ICMPV6).accept());
        batch.add(FilterRule(kTable, kOutput)
                      .to_ipv6(bits, mask)
                      .protocol(IPPROTO_UDP)
                      .from_port(kDhcpClient)
                      .to_port(kDhcpServer)
                      .accept());
    }
}

void add_ipv6(FilterBatch& batch, const KillSwitchSettings& settings, const std::string& chain) {
    if (!settings.block_ipv6) {
        batch.add(FilterRule(kTable, chain).family(NFPROTO_IPV6).accept());
    }
}

void add_output(FilterBatch& batch, const KillSwitchSettings& settings) {
    constexpr std::uint16_t kDhcpServer = 67;
    constexpr std::uint16_t kDhcpClient = 68;
    batch.add_chain(kTable, kOutput, NF_INET_LOCAL_OUT);
    batch.add(FilterRule(kTable, kOutput).out_by("lo").accept());
    batch.add(FilterRule(kTable, kOutput).out_by(settings.tunnel_interface).accept());
    batch.add(FilterRule(kTable, kOutput)
                  .to(wire::Ipv4Prefix::of(settings.home_agent, 32))
                  .protocol(IPPROTO_UDP)
                  .to_port(HOMEWARD_MIP_PORT)
                  .accept());
    batch.add(
        FilterRule(kTable, kOutput).to(wire::Ipv4Prefix::of(settings.home_agent, 32)).protocol(IPPROTO_IPIP).accept());
    batch.add(FilterRule(kTable, kOutput)
                  .family(NFPROTO_IPV4)
                  .protocol(IPPROTO_UDP)
                  .from_port(kDhcpClient)
                  .to_port(kDhcpServer)
                  .accept());
    add_exclusions(batch, settings, kOutput);
    add_ipv6(batch, settings, kOutput);
    if (settings.block_ipv6) {
        add_ipv6_signalling(batch);
    }
    batch.add(FilterRule(kTable, kOutput).reject());
}

void add_forward(FilterBatch& batch, const KillSwitchSettings& settings) {
    batch.add_chain(kTable, kForward, NF_INET_FORWARD);
    batch.add(FilterRule(kTable, kForward).out_by(settings.tunnel_interface).accept());
    batch.add(FilterRule(kTable, kForward).in_by(settings.tunnel_interface).accept());
    add_exclusions(batch, settings, kForward);
    add_ipv6(batch, settings, kForward);
    batch.add(FilterRule(kTable, kForward).reject());
}

}  // namespace

Status KillSwitch::close(const KillSwitchSettings& settings) {
    FilterBatch batch;
    batch.add_table(kTable);  // so that there is one to remove
    batch.remove_table(kTable);
    batch.add_table(kTable);
    add_output(batch, settings);
    add_forward(batch, settings);
    if (const int error = batch.commit(); error != 0) {
        return Error{std::string("kill switch: the kernel's packet filter refused it: ") + std::strerror(error) +
                     (error == EPERM ? " (needs CAP_NET_ADMIN or root)"
                                     : " (needs nf_tables with families inet and reject; routing.kill_switch: off "
                                       "does without)")};
    }
    return {};
}

bool KillSwitch::open() {
    FilterBatch batch;
    batch.remove_table(kTable);
    return batch.commit() == 0;
}

}  // namespace homeward::routing
