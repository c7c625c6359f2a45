#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

/// The messages between homeward-control and homeward-dataplane.
///
/// Transport: a UNIX SOCK_SEQPACKET socket that control listens on (`control.dataplane_socket`); the data plane
/// connects, and reconnects with back-off when control is gone. One packet is one Header and `count` records of one
/// type, at most kMaxMessage bytes. Both ends run on one machine, so integers are in host order; addresses are too
/// (wire::Ipv4Address::host()). A Header with another magic or version ends the connection: both ends must be of
/// one release.
///
/// Order: the data plane says hello. control answers with sync_begin, settings, home networks, policies, bindings,
/// sync_end: at sync_end the data plane removes what the replay did not name, so that a control that restarted
/// leaves nothing stale, and forwarding never pauses. Afterwards control sends changes as they happen. The data plane
/// applies in order and acknowledges the highest sequence it has published to its workers; control's registration
/// replies wait for that.
namespace homeward::ipc {

inline constexpr std::uint32_t kMagic = 0x484d5744;  // "HMWD"
inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::size_t kMaxMessage = 60 * 1024;
inline constexpr std::size_t kMaxUplinks = 8;

enum class Type : std::uint16_t {
    hello = 1,         ///< data plane -> control: Hello ×1
    sync_begin = 2,    ///< control -> data plane, no record
    sync_end = 3,      ///< control -> data plane, no record
    settings = 4,      ///< Settings ×1
    home_network = 5,  ///< HomeNetwork ×n
    home_network_remove = 6,
    policy_chunk = 7,     ///< PolicyChunk ×1, followed by its bytes
    policy_remove = 8,    ///< PolicyRemove ×n; never one that a binding still names
    binding_put = 9,      ///< Binding ×n: insert or replace, whole
    binding_remove = 10,  ///< BindingRemove ×n
    arp_announce = 11,    ///< ArpAnnounce ×n (RFC 5944 §4.6)
    ack = 12,             ///< data plane -> control, no record: header.sequence is the highest one published
    counters_request = 13,
    counters_reply = 14,  ///< Counter ×n; header.more set on all but the last packet
    refused = 15,         ///< data plane -> control: Refused ×1, the record with header.sequence was not applied
};

struct Header {
    std::uint32_t magic = kMagic;
    std::uint16_t version = kVersion;
    Type type{};
    std::uint64_t sequence = 0;  ///< control -> data plane: counts from 1 per connection
    std::uint16_t count = 0;
    std::uint16_t more = 0;
    std::uint32_t reserved = 0;
};
static_assert(sizeof(Header) == 24);

struct Hello {
    std::uint32_t pid = 0;
    std::uint32_t workers = 0;
    std::uint64_t started_unix_s = 0;
    std::array<char, 32> release{};
};
static_assert(sizeof(Hello) == 48);

enum class Checksum : std::uint8_t { zero = 0, compute = 1 };
enum class Ecn : std::uint8_t { compatibility = 0, normal = 1 };  ///< RFC 6040 §4.3 for encapsulation

/// What every binding shares.
struct Settings {
    std::uint32_t home_agent = 0;  ///< outer source of the tunnels: the reply's Home Agent field
    std::uint16_t tunnel_port = 434;
    Checksum udp_checksum = Checksum::compute;
    Ecn ecn = Ecn::compatibility;
    std::uint16_t tunnel_mtu = 1468;  ///< bytes of inner packet where no path MTU is known
    std::uint8_t clamp_mss = 1;
    std::uint8_t reserved0 = 0;
    std::uint32_t icmp_errors_per_s = 100;
};
static_assert(sizeof(Settings) == 16);

/// A prefix that home addresses come from, and the port on whose link they are proxied.
struct HomeNetwork {
    std::uint32_t network = 0;
    std::uint8_t length = 0;
    std::uint8_t reserved[3] = {};
    std::array<char, 16> port{};  ///< the port's name in the configuration; empty: routed only, no proxy ARP
};
static_assert(sizeof(HomeNetwork) == 24);

/// A piece of one policy's canonical encoding (policy/generation.h); complete when offset + size == total.
struct PolicyChunk {
    std::uint32_t policy = 0;  ///< number, 1…; shared by all bindings with the same digest
    std::uint32_t total = 0;
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
};
static_assert(sizeof(PolicyChunk) == 16);

struct PolicyRemove {
    std::uint32_t policy = 0;
};

enum UplinkFlag : std::uint8_t {
    kUplinkUp = 1,  ///< may be chosen on the way down; a binding that is not up is still valid for decapsulation
};

/// One care-of address of a node.
struct Uplink {
    std::uint32_t care_of = 0;  ///< effective: the source of the registration when behind NAT
    std::uint16_t port = 0;     ///< the node's side of the UDP tunnel; 0: IP in IP without UDP (RFC 2003)
    std::uint8_t label = 0;
    std::uint8_t binding_id = 0;
    std::uint8_t flags = 0;
    std::uint8_t reserved = 0;
    std::uint16_t tunnel_mtu = 0;  ///< 0: Settings::tunnel_mtu
};
static_assert(sizeof(Uplink) == 12);

enum BindingFlag : std::uint8_t {
    kPolicyNamesBindingIds = 1,  ///< the policy came as RFC 7629 flow bindings: its labels are binding ids
    kNumbered = 2,               ///< both ends agreed to number packets of the tunnel (mip/numbering.h)
    kNumberEverything = 4,       ///< down: all packets, not only those that are sent more than once
};

/// A node: its home address, its policy (0: first uplink that is up, by order here) and its uplinks.
struct Binding {
    std::uint32_t home_address = 0;
    std::uint32_t policy = 0;
    std::uint8_t flags = 0;
    std::uint8_t uplink_count = 0;
    std::uint16_t run = 0;  ///< kNumbered: another value, and the node numbers from anew
    std::array<Uplink, kMaxUplinks> uplinks{};
};
static_assert(sizeof(Binding) == 12 + 12 * kMaxUplinks);

struct BindingRemove {
    std::uint32_t home_address = 0;
};

/// Gratuitous ARP on the link of the address's home network. All-zero `mac`: the port's own (the node is away).
struct ArpAnnounce {
    std::uint32_t home_address = 0;
    std::array<std::uint8_t, 6> mac{};
    std::uint8_t repeat = 3;
    std::uint8_t reserved = 0;
};
static_assert(sizeof(ArpAnnounce) == 12);

/// A named number: "drop.<name>", "port.<port>.rx_packets", "worker.<n>.<name>", "table.<name>".
struct Counter {
    std::array<char, 56> name{};
    std::uint64_t value = 0;
};
static_assert(sizeof(Counter) == 64);

struct Refused {
    std::array<char, 120> reason{};
};

}  // namespace homeward::ipc
