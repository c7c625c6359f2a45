#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/engine.h"
#include "config/home_agent.h"
#include "config/policy_file.h"
#include "result/result.h"
#include "wire/ipv4.h"

namespace homeward::config {

/// RFC 5213 access technology types, as RFC 7629 If-ATT carries them.
enum class AccessTechnology : std::uint8_t {
    virtual_link = 1,
    ppp = 2,
    ethernet = 3,
    wlan = 4,
    wimax = 5,
    gsm = 6,
    umts = 7,
    lte = 8
};

struct UplinkConfig {
    std::string name;         ///< `wlan`, `cellular`, …
    std::string interface;    ///< kernel device
    policy::Label label = 0;  ///< also its binding id; 1–254
    AccessTechnology technology = AccessTechnology::wlan;
    std::optional<wire::Ipv4Address> gateway;          ///< none: from the kernel's routes
    std::optional<std::chrono::milliseconds> wake_up;  ///< of a radio that slept; none: by technology
};

/// Where signal strength comes from. automatic: nl80211, where the kernel has it and an uplink is a WLAN.
enum class SignalSource : std::uint8_t { automatic, nl80211, wpa_supplicant, replay, none };

/// Signal strength, and when it makes the node leave an uplink.
struct Signal {
    SignalSource source = SignalSource::automatic;
    std::chrono::milliseconds interval{200};  ///< between readings
    std::filesystem::path wpa_supplicant = "/run/wpa_supplicant";
    std::filesystem::path trace;  ///< of replay
    int leave_below_dbm = -80;
    int return_above_dbm = -72;
};

enum class Ipv6 : std::uint8_t { block, leave };
/// Of the outer header; automatic: computed in user space, zero on the fast path, which cannot.
enum class OuterChecksum : std::uint8_t { automatic, compute, zero };
enum class FastPath : std::uint8_t { automatic, off };

/// Whether anything may leave outside the tunnel.
enum class KillSwitch : std::uint8_t {
    off,
    on,      ///< nothing, from the agent's start to its orderly end; also after a crash, until the next start
    always,  ///< nothing, also after an orderly end
};

struct MobileNode {
    std::string nai;
    std::optional<wire::Ipv4Address> home_address;  ///< none: asked for by NAI
    wire::Ipv4Address home_agent;
    SecurityAssociation association;
    std::vector<UplinkConfig> uplinks;
    PolicyFile policy;

    std::chrono::seconds lifetime{60};
    std::chrono::seconds keepalive{0};             ///< 0: what the home agent assigns
    std::chrono::milliseconds hold_down{2000};     ///< an uplink that returned must stay up so long before it is used
    std::chrono::milliseconds probe_interval{50};  ///< under traffic; 0: dead paths are left to timers
    std::chrono::milliseconds rates_interval{10'000};  ///< between changes of measured rates; 0: none is used
    unsigned probes_unanswered = 3;                    ///< in a row: the path is dead
    Signal signal;
    Engine engine;
    std::filesystem::path position;  ///< a trace that tells where the node is; empty: nothing does
    std::string interface = "homeward0";
    std::uint16_t mtu = 0;                   ///< 0: the smallest uplink's − 32
    std::vector<wire::Ipv4Prefix> routes;    ///< through the tunnel; empty: everything (default route)
    std::vector<wire::Ipv4Prefix> excluded;  ///< never through the tunnel
    KillSwitch kill_switch = KillSwitch::off;
    std::vector<wire::Ipv4Address> dns;  ///< servers inside the tunnel for the node's names; empty: left alone
    std::uint32_t route_table = 4340;
    std::uint32_t rule_priority = 4340;  ///< own rules sit here and just behind; below 10000 on Android
    Ipv6 ipv6 = Ipv6::block;
    OuterChecksum udp_checksum = OuterChecksum::automatic;
    FastPath fast_path = FastPath::automatic;  ///< automatic: wherever the kernel takes it
    ipc::Ecn ecn = ipc::Ecn::compatibility;
    bool clamp_mss = true;
    bool sequence_numbers = false;  ///< asks the home agent to number tunnel packets
    bool ip_in_ip = false;          ///< does not force UDP: IP in IP where no NAT is seen
    bool hold = false;              ///< packets of a flow that moved wait for those by its old path
    bool resend = false;            ///< takes what the home agent sends again; it decides how much
    bool offload = true;            ///< packets of up to 64 KB between kernel and agent, cut and joined by the agent
    bool require_bpf = false;       ///< refuse to start on the user-space fallback
    std::uint32_t organization = 32473;
    std::filesystem::path admin_socket = "/run/homeward/mn.sock";
    std::vector<std::string> warnings;  ///< as HomeAgent::warnings

    UplinkNames uplink_names() const;
};

Result<MobileNode> load_mobile_node(const std::filesystem::path& file);
Result<MobileNode> parse_mobile_node(const std::filesystem::path& file,
                                     std::string_view text);  ///< as parse_home_agent
std::vector<std::string> needs_restart(const MobileNode& current, const MobileNode& next);

}  // namespace homeward::config
