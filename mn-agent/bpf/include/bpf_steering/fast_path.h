#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bpf_steering/joiner.h"
#include "bpf_steering/steering.h"
#include "bpf_steering/traffic_hook.h"
#include "homeward/fast_path.h"
#include "policy/rule.h"
#include "result/result.h"
#include "wire/ipv4.h"

struct tunnel_egress_bpf;
struct uplink_ingress_bpf;

namespace homeward::bpf {

/// The programs that carry packets between `homeward0` and the uplinks inside the kernel, and their maps
/// (ebpf/include/homeward/fast_path.h).
///
///     homeward0, egress:  tunnel_egress   classify, encapsulate ──► uplink          `paths`, policy and uplinks of
///     Steering uplink, ingress:    uplink_ingress  check, strip ──► received by homeward0    `tunnel_ends`
///
/// Neither is needed: where a program is missing or does not take a packet, the packet goes on to the TUN's queue or to
/// the uplink's socket, and so to tunnel::Loop. Each direction of each uplink is fast or not by itself, and says why
/// not. Belongs to the agent's loop.
class FastPath {
  public:
    struct Settings {
        int interface = 0;      ///< index of `homeward0`, which is up
        bool copy_ecn = false;  ///< RFC 6040 normal mode
        std::string up_off;     ///< why the way up shall stay slow; empty: it need not
    };
    /// What is known of one uplink whose socket is open.
    struct Uplink {
        int interface = 0;
        wire::Ipv4Address care_of, home_agent, home_address, next_hop;  ///< next_hop 0.0.0.0: by the kernel's routes
        std::uint16_t port = 0;
        std::uint16_t path_mtu = 0;       ///< largest inner packet up
        std::uint16_t interface_mtu = 0;  ///< of `homeward0`
        bool clamp_mss = false;
        bool plain = false;        ///< leaves as IP in IP without UDP (RFC 2003)
        bool takes_plain = false;  ///< may come so
    };
    struct Way {
        bool fast = false;
        std::string reason;  ///< of slowness; on the way down of a fast one, too: what becomes of TCP
    };
    using Traffic = homeward_traffic;

    /// Loads and attaches what the kernel allows; the rest is slow. `steering` outlives this.
    static std::unique_ptr<FastPath> open(const Steering& steering, Settings settings);
    ~FastPath();
    FastPath(const FastPath&) = delete;
    FastPath& operator=(const FastPath&) = delete;

    /// Puts the uplink on the fast path, or changes what is known of it; the same again costs nothing.
    void set(policy::Label label, const Uplink& uplink);
    /// Takes it off.
    void clear(policy::Label label);
    /// Puts back what somebody else removed (a link that returned without its qdisc). True: something changed.
    bool repair();

    Way up(policy::Label label) const;
    Way down(policy::Label label) const;
    /// Inner packets that never visited user space.
    Traffic sent(policy::Label label) const;
    Traffic received(policy::Label label) const;
    /// Packets of `received` that were given to the joiner.
    std::uint64_t joined(policy::Label label) const;

    /// For BPF_PROG_TEST_RUN; negative: not loaded.
    int up_fd() const;
    int down_fd() const;

  private:
    struct Carried {
        Uplink uplink;
        TrafficHook ingress;
        std::string up_reason, down_reason;
    };
    explicit FastPath(Settings settings) : settings_(std::move(settings)) {}
    void open_up(const Steering& steering);
    void open_down();
    void open_joiner();
    bool repair_joiner();
    void write_path(policy::Label label, Carried& carried);
    void write_tunnel_end(policy::Label label, Carried& carried);
    void attach_ingress(Carried& carried);
    void forget(policy::Label label, const Carried& carried);

    const Settings settings_;
    tunnel_egress_bpf* up_ = nullptr;
    uplink_ingress_bpf* down_ = nullptr;
    std::string up_reason_, down_reason_;
    TrafficHook egress_;
    std::optional<Joiner> joiner_;
    TrafficHook joined_;  ///< at the joiner's far end
    std::string apart_reason_;
    std::map<policy::Label, Carried> uplinks_;
};

}  // namespace homeward::bpf
