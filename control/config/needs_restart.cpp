#include <string>
#include <vector>

#include "config/home_agent.h"
#include "config/mobile_node.h"

namespace homeward::config {
namespace {

class Differences {
  public:
    template <class T>
    void compare(const char* key, const T& current, const T& next) {
        if (!(current == next)) {
            keys_.emplace_back(key);
        }
    }
    template <class T, class Same>
    void compare_lists(const char* key, const std::vector<T>& current, const std::vector<T>& next, Same same) {
        bool equal = current.size() == next.size();
        for (std::size_t i = 0; equal && i < current.size(); ++i) {
            equal = same(current[i], next[i]);
        }
        if (!equal) {
            keys_.emplace_back(key);
        }
    }
    std::vector<std::string> take() { return std::move(keys_); }

  private:
    std::vector<std::string> keys_;
};

bool same_port(const Port& a, const Port& b) {
    return a.name == b.name && a.device == b.device && a.vlan == b.vlan && a.twin == b.twin &&
           a.addresses == b.addresses && a.mtu == b.mtu;
}

bool same_uplink(const UplinkConfig& a, const UplinkConfig& b) {
    return a.name == b.name && a.interface == b.interface && a.label == b.label && a.technology == b.technology &&
           a.gateway == b.gateway && a.wake_up == b.wake_up;
}

}  // namespace

std::vector<std::string> needs_restart(const HomeAgent& current, const HomeAgent& next) {
    Differences found;
    found.compare("home_agent.address", current.address, next.address);
    found.compare("home_agent.admin_socket", current.admin_socket, next.admin_socket);
    found.compare("home_agent.dataplane_socket", current.dataplane_socket, next.dataplane_socket);
    found.compare("home_agent.state", current.state, next.state);
    found.compare_lists("ports", current.ports, next.ports, same_port);
    // udp_checksum, ecn, clamp_mss and icmp_errors_per_s travel to the data plane as ipc::Settings and apply hot.
    const Dataplane& a = current.dataplane;
    const Dataplane& b = next.dataplane;
    found.compare("dataplane.workers", a.workers, b.workers);
    found.compare("dataplane.cores", a.cores, b.cores);
    found.compare("dataplane.huge_pages", a.huge_pages, b.huge_pages);
    found.compare("dataplane.memory", a.memory_mb, b.memory_mb);
    found.compare("dataplane.idle", a.idle, b.idle);
    found.compare("dataplane.redistribution", a.redistribution, b.redistribution);
    found.compare("dataplane.eal", a.eal, b.eal);
    found.compare("dataplane.resend", a.resend_ms, b.resend_ms);
    found.compare("dataplane.reassembly.datagrams", a.reassembly_datagrams, b.reassembly_datagrams);
    found.compare("dataplane.reassembly.memory", a.reassembly_memory_mb, b.reassembly_memory_mb);
    found.compare("dataplane.reassembly.timeout", a.reassembly_timeout_ms, b.reassembly_timeout_ms);
    found.compare("dataplane.exception_pps.registration", a.exception_registration_pps, b.exception_registration_pps);
    found.compare("dataplane.exception_pps.arp", a.exception_arp_pps, b.exception_arp_pps);
    found.compare("dataplane.exception_pps.other", a.exception_other_pps, b.exception_other_pps);
    return found.take();
}

std::vector<std::string> needs_restart(const MobileNode& current, const MobileNode& next) {
    Differences found;
    found.compare("node.nai", current.nai, next.nai);
    found.compare("node.home_address", current.home_address, next.home_address);
    found.compare("node.home_agent", current.home_agent, next.home_agent);
    const SecurityAssociation& a = current.association;
    const SecurityAssociation& b = next.association;
    const bool same = a.spi == b.spi && a.algorithm == b.algorithm && a.key == b.key && a.replay == b.replay;
    found.compare("node.association", true, same);
    found.compare("node.admin_socket", current.admin_socket, next.admin_socket);
    found.compare_lists("uplinks", current.uplinks, next.uplinks, same_uplink);
    found.compare("signal.source", current.signal.source, next.signal.source);
    found.compare("signal.wpa_supplicant", current.signal.wpa_supplicant, next.signal.wpa_supplicant);
    found.compare("signal.trace", current.signal.trace, next.signal.trace);
    found.compare("position.replay", current.position, next.position);
    found.compare("registration.organization", current.organization, next.organization);
    found.compare("tunnel.interface", current.interface, next.interface);
    found.compare("tunnel.mtu", current.mtu, next.mtu);
    found.compare("tunnel.udp_checksum", current.udp_checksum, next.udp_checksum);
    found.compare("tunnel.ecn", current.ecn, next.ecn);
    found.compare("tunnel.clamp_mss", current.clamp_mss, next.clamp_mss);
    found.compare("tunnel.ipv6", current.ipv6, next.ipv6);
    found.compare("tunnel.sequence_numbers", current.sequence_numbers, next.sequence_numbers);
    found.compare("tunnel.ip_in_ip", current.ip_in_ip, next.ip_in_ip);
    found.compare("handover.hold", current.hold, next.hold);
    found.compare("handover.resend", current.resend, next.resend);
    found.compare("tunnel.offload", current.offload, next.offload);
    found.compare("tunnel.fast_path", current.fast_path, next.fast_path);
    found.compare("tunnel.require_bpf", current.require_bpf, next.require_bpf);
    found.compare("routing.routes", current.routes, next.routes);
    found.compare("routing.excluded", current.excluded, next.excluded);
    found.compare("routing.kill_switch", current.kill_switch, next.kill_switch);
    found.compare("routing.dns", current.dns, next.dns);
    found.compare("routing.table", current.route_table, next.route_table);
    found.compare("routing.rule_priority", current.rule_priority, next.rule_priority);
    return found.take();
}

}  // namespace homeward::config
