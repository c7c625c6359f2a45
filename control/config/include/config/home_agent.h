#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/policy_file.h"
#include "ipc/messages.h"
#include "result/result.h"
#include "wire/ipv4.h"

namespace homeward::config {

enum class Algorithm : std::uint8_t { hmac_md5, hmac_sha256 };
enum class Replay : std::uint8_t { timestamp, timestamp_per_binding, nonce };

/// One mobility security association (RFC 5944 §1.6): looked up by (home address or NAI, SPI).
struct SecurityAssociation {
    std::uint32_t spi = 0;  ///< 256 and up
    Algorithm algorithm = Algorithm::hmac_md5;
    std::vector<std::uint8_t> key;  ///< never printed
    Replay replay = Replay::timestamp;
};

/// A node that may register. At least one of `nai` and `home_address`.
struct Node {
    std::string nai;
    std::optional<wire::Ipv4Address> home_address;  ///< none: assigned from a pool by NAI
    std::vector<SecurityAssociation> associations;
    std::optional<PolicyFile> policy;  ///< the home agent's table for it, until the node sends its own
    std::optional<std::uint8_t> max_bindings;
};

struct AddressRange {
    wire::Ipv4Address first, last;  ///< inclusive
};

struct HomeNetwork {
    wire::Ipv4Prefix prefix;
    std::string port;  ///< on whose link the addresses are proxied; empty: routed only
    std::vector<AddressRange> pool;
};

/// One DPDK device, or one VLAN of it, and its TAP twin.
struct Port {
    std::string name;                    ///< ≤ 15 characters, used in counters and by home networks
    std::string device;                  ///< a PCI address or a vdev with arguments, passed to the EAL as it is
    std::uint16_t vlan = 0;              ///< 1–4094; 0: untagged frames, and those of VLANs that no port is for
    std::string twin;                    ///< name of the persistent TAP, ≤ 15 characters; default "hw-" + name
    std::vector<std::string> addresses;  ///< a.b.c.d/n, put on the twin
    std::uint16_t mtu = 1500;
};

enum class HugePages : std::uint8_t { automatic, never, always };
enum class Idle : std::uint8_t { automatic, poll, sleep };
/// Whose packets workers pass on to each other: devices with fewer receive queues than workers, none, all.
enum class Redistribution : std::uint8_t { automatic, never, always };

struct Dataplane {
    unsigned workers = 1;
    std::string cores;  ///< EAL core list, main first; empty: chosen
    HugePages huge_pages = HugePages::automatic;
    unsigned memory_mb = 0;  ///< 0: chosen
    Idle idle = Idle::automatic;
    Redistribution redistribution = Redistribution::automatic;
    std::vector<std::string> eal;  ///< further EAL arguments
    ipc::Checksum udp_checksum = ipc::Checksum::compute;
    ipc::Ecn ecn = ipc::Ecn::compatibility;
    bool clamp_mss = true;
    std::uint32_t icmp_errors_per_s = 100;
    std::uint32_t resend_ms = 0;                ///< what left by a dead uplink in so long leaves again; 0: nothing
    std::uint32_t reassembly_datagrams = 1024;  ///< of fragmented tunnel packets, per worker
    std::uint32_t reassembly_memory_mb = 2;     ///< buffers held, per worker
    std::uint32_t reassembly_timeout_ms = 1000;
    std::uint32_t exception_registration_pps = 20000, exception_arp_pps = 2000, exception_other_pps = 5000;
};

struct Registration {
    std::chrono::seconds max_lifetime{600};
    std::chrono::seconds timestamp_tolerance{7};
    std::chrono::seconds keepalive{25};
    bool nat_traversal = true;
    bool forced_udp = true;  ///< honour F although no NAT is seen
    bool ip_in_ip = false;   ///< plain IP in IP (RFC 2003) for those who see no NAT and do not force UDP
    bool require_reverse_tunnel = false;
    bool multipath = true;
    bool sequence_numbers = false;              ///< agrees to number tunnel packets with nodes that ask
    bool answer_failed_authentication = false;  ///< rate-limited 131 instead of silence
    bool accept_zero_udp_checksum = true;
    std::uint8_t max_bindings_per_node = 8;
    std::uint32_t max_bindings = 1'000'000;
    std::uint32_t max_rules_per_node = 100'000;
    std::uint32_t requests_per_source_per_s = 200;
    std::uint32_t organization = 32473;             ///< RFC 3115 number of the policy synchronisation
    std::chrono::milliseconds dataplane_wait{500};  ///< then 130
};

struct HomeAgent {
    wire::Ipv4Address address;  ///< registrations and tunnels end here
    std::filesystem::path admin_socket = "/run/homeward/control.sock";
    std::filesystem::path dataplane_socket = "/run/homeward/dataplane.sock";
    std::filesystem::path state = "/var/lib/homeward/control.db";
    std::vector<Port> ports;
    Dataplane dataplane;
    Registration registration;
    std::vector<HomeNetwork> home_networks;
    std::vector<Node> nodes;
    /// Label numbers of uplink names in policies this agent holds itself: the same on every node that uses them.
    UplinkNames uplinks;
    /// What is allowed but should be changed (a key that everybody may read), one line each, for the log.
    std::vector<std::string> warnings;
};

/// Reads and validates everything (files named inside included). The error is one line: file:line, key path, what was
/// expected.
Result<HomeAgent> load_home_agent(const std::filesystem::path& file);
/// The same from text that is at hand; files named in it are looked for beside `file`, which need not exist.
Result<HomeAgent> parse_home_agent(const std::filesystem::path& file, std::string_view text);

/// What a running process must be restarted for: key paths that differ between two otherwise valid configurations
/// (ports, dataplane.*, address, sockets, state). Empty: `next` can be applied hot.
std::vector<std::string> needs_restart(const HomeAgent& current, const HomeAgent& next);

}  // namespace homeward::config
