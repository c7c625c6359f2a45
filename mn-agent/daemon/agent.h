#pragma once

#include <array>
#include <asio.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "admin/event_log.h"
#include "best_rate.h"
#include "bpf_steering/fast_path.h"
#include "bpf_steering/steering.h"
#include "carried_flows.h"
#include "choice/chooser.h"
#include "choice/learned_file.h"
#include "choice/rate_sources.h"
#include "config/mobile_node.h"
#include "handover/coordinator.h"
#include "handover/path_watch.h"
#include "handover/rate_estimate.h"
#include "handover/rate_shares.h"
#include "handover/signal_judge.h"
#include "policy/generation.h"
#include "policy/table.h"
#include "probe_echoes.h"
#include "registration/client.h"
#include "replay/position_replay.h"
#include "resolver/resolver.h"
#include "routing/routing.h"
#include "signal/source.h"
#include "tunnel/loop.h"
#include "tunnel/tun_device.h"
#include "tunnel/uplink_socket.h"
#include "uplinks/link_watch.h"

namespace homeward::mn {

/// A policy ready to be put in force.
struct PreparedPolicy {
    config::PolicyFile file;  ///< with the engine's plan in it
    policy::LabelList written_default;
    std::size_t written_rules = 0;  ///< the engine's rules come behind them
    bool flows_dropped = false;     ///< the plan's rules for flows did not fit
    std::shared_ptr<const policy::Table> table;
    policy::Digest digest{};
    UniqueFd trie;  ///< empty when classification is in user space
    std::chrono::microseconds read{0}, compile{0}, fill{0};
};
/// A policy in force that names other rates.
struct RatedPolicy {
    std::shared_ptr<const policy::Policy> before, named;
    std::shared_ptr<const policy::Table> table;
    policy::Digest digest{};
};
/// The slow part of a reload; any thread. `file` as a person wrote it, and with the rates in force.
Result<PreparedPolicy> prepare(config::PolicyFile file, const choice::Plan& plan, bool steered,
                               std::chrono::microseconds read);
/// Whether a rule spreads by measured rates.
bool goes_by_rate(const policy::Policy& policy);
/// The engine that the configuration asks for; null: none. Any thread, for it may have to learn from files first.
Result<std::unique_ptr<choice::Chooser>> make_chooser(const config::MobileNode& config);

/// What a reload read.
struct Reloaded {
    Result<config::MobileNode> config;
    bool engine_changed = false;
    Result<std::unique_ptr<choice::Chooser>> chooser;  ///< where it did
    choice::Plan plan;                                 ///< that the policy was prepared with
    Result<PreparedPolicy> policy;
};
/// All that a reload does before it changes anything; any thread. `engine`, `plan`, `rates`: in force now.
std::shared_ptr<Reloaded> read_again(const std::filesystem::path& file, const std::string& engine,
                                     const choice::Plan& plan, const policy::Rates& rates, bool steered);

struct ReloadOutcome {
    Status status;
    std::vector<std::string> needs_restart;
};

/// One uplink at run time.
struct UplinkRuntime {
    UniqueFd socket;                 ///< registration and keepalives; the tunnel's thread holds a duplicate
    UniqueFd plain_socket;           ///< for IP in IP, likewise; empty: not configured
    bool plain = false;              ///< packets leave by that one
    uplinks::Attachment attachment;  ///< what the socket and the routes were made for
    std::uint16_t port = 0;          ///< kept when the socket is made again
    std::uint32_t tunnel_mtu = 0;    ///< 0: not known
    std::string fault;               ///< why there is no socket, empty when there is one
    registration::BindingStatus binding;

    // Once a second, for rates and for the client's keepalive timer.
    std::uint64_t sampled_tx_packets = 0, sampled_tx_bytes = 0, sampled_rx_bytes = 0;
    std::uint64_t tx_bps = 0, rx_bps = 0;
    BestRate tx_best, rx_best;

    handover::RateEstimate rate;           ///< of both ways together
    std::optional<signal::Reading> radio;  ///< newest reading of its signal
};

/// Sends to the home agent; false: the kernel refused. A pending ICMP error of an earlier datagram is reported once,
/// instead of sending, so it is tried twice.
bool send_datagram(const UniqueFd& socket, wire::ByteView datagram);

/// homeward-mn at run time: wires the rooms together on one Asio loop. It decides nothing itself; what follows from an
/// event is the Coordinator's and the registration Client's business, and `pump` does what they ask for.
///
///     rtnetlink ─► LinkWatch ─► Coordinator ─┬► Steering map, Loop (usable)
///     admin API ───────────────►  ▲ ▲        ├► Routing, sockets
///     counters, echoes ► PathWatch ┘ │        │
///     tunnel's thread ─► ControlRing│        └► Client ─► registrations, keepalives ─► sockets
///                          └────────┴─ binding ◄──┘
class Agent {
  public:
    Agent(asio::io_context& io, config::MobileNode config, std::filesystem::path config_file);
    ~Agent();
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    /// Everything that may fail at start; the error is one line for a person.
    Status start();
    /// Deregisters, restores routing, then calls `done`. Takes at most about two seconds.
    void shut_down(std::function<void()> done);

    /// Reads the configuration again in a thread of its own and puts what may change in force.
    void reload(std::function<void(ReloadOutcome)> done);
    /// False: no uplink of that name.
    bool request(const std::string& uplink, handover::Request request);

    // For the admin API's views.
    const config::MobileNode& config() const { return config_; }
    const registration::Client& client() const { return *client_; }
    const handover::Coordinator& coordinator() const { return *coordinator_; }
    const handover::PathWatch& paths() const { return *paths_; }
    /// Where signal strength comes from; empty: from nowhere, and why.
    std::string signal_source() const { return signal_source_ ? signal_source_->name() : ""; }
    const std::string& signal_reason() const { return signal_reason_; }
    std::uint64_t probes_sent() const { return probes_sent_; }
    std::uint64_t probes_answered() const { return probes_answered_; }
    /// Null: no engine chooses.
    const choice::Chooser* chooser() const { return chooser_.get(); }
    /// Why an engine that looks at flows sees none; empty: it sees what there are, or looks at none.
    const std::string& flows_reason() const { return flows_reason_; }
    /// False: no engine learns from scores.
    bool feedback(const selection::Score& score);
    const UplinkRuntime& uplink(unsigned slot) const { return uplinks_[slot]; }
    /// Null: none has this label.
    const config::UplinkConfig* configured(policy::Label label) const;
    /// To the home agent and back: what probes measured, else registrations and keepalives.
    std::optional<handover::Duration> round_trip(unsigned slot) const;
    const tunnel::TunDevice& tun() const { return *tun_; }
    const tunnel::Loop& loop() const { return *loop_; }
    const bpf::Steering* steering() const { return steering_.get(); }
    const std::string& steering_reason() const { return steering_reason_; }
    /// Which way packets of an uplink take, up and down, and why not the fast one.
    bpf::FastPath::Way way_up(unsigned slot) const;
    bpf::FastPath::Way way_down(unsigned slot) const;
    /// Inner packets of an uplink that never visited user space.
    bpf::FastPath::Traffic sent_fast(unsigned slot) const;
    bpf::FastPath::Traffic received_fast(unsigned slot) const;
    /// Whichever way they took.
    bpf::FastPath::Traffic sent(unsigned slot) const;
    bpf::FastPath::Traffic received(unsigned slot) const;
    const std::string& last_error() const { return last_error_; }
    const policy::Table& table() const { return *table_; }
    const policy::Generation& generation() const { return generation_; }
    unsigned slot_of(policy::Label label) const;
    bool numbering_agreed() const { return numbering_agreed_; }
    const std::optional<registration::PolicyOfHomeAgent>& peer_policy() const { return peer_policy_; }
    std::optional<wire::Ipv4Address> home_address() const { return home_address_; }
    std::uint32_t interface_mtu() const { return interface_mtu_; }
    admin::EventLog& events() { return events_; }
    static std::chrono::nanoseconds monotonic();

  private:
    // fast_path.cpp
    void open_fast_path();
    void update_fast_path(unsigned slot);
    void update_fast_path();
    wire::Ipv4Address next_hop(unsigned slot) const;

    // start.cpp
    unsigned queues() const { return static_cast<unsigned>(config_.uplinks.size()) + 1; }
    Status create_tun(unsigned queues);
    Status open_tun();
    tunnel::LoopSettings loop_settings() const;
    Status open_interface();
    Status enter_policy();
    Status open_watchers();
    Status open_tunnel();
    void begin();
    Status load_steering();
    Status enter_home(wire::Ipv4Address address);
    Status close_kill_switch();
    void leave();
    void restore();
    registration::ClientConfig client_config() const;

    // agent.cpp: what happens
    void wait_for_links();
    void wait_for_tunnel();
    void links_changed();
    void take_control();
    void take_echo(unsigned slot, wire::ByteView packet);
    void arm_timer();
    void arm_sample_timer();
    void sample();

    // paths.cpp: whether the home agent answers by an uplink
    handover::PathSettings path_settings() const;
    std::unique_ptr<handover::PathWatch> make_paths() const;
    void follow_coordinator();
    void tick_paths();
    void tell_round_trips();
    void run_path_actions();
    void run(const handover::SendProbe& action);
    void run(const handover::SendAsk& action);
    void run(const handover::Refresh& action);
    void run(const handover::PathVerdict& action);
    void run(const registration::Heard& action);

    // rates.cpp: what rules that spread by rate go by
    void sample_rates();
    bool rates_differ() const;
    void name_rates();
    void rates_ready(const RatedPolicy& rated);
    void steer(unsigned slot, bool usable);

    // choices.cpp: the selection engine
    Status open_engine();
    void set_chooser(std::unique_ptr<choice::Chooser> chooser, const choice::Plan& plan);
    void open_flows();
    std::span<const choice::FlowSeen> look_at_flows(selection::Seconds now);
    void arm_engine_timer();
    void tell_choice(policy::Label before, std::size_t rules_before);
    void choose(selection::Trigger trigger);
    choice::UplinkSeen look(unsigned slot) const;
    choice::RateSources rate_sources(unsigned slot) const;
    config::PolicyFile written_policy() const;
    void put_plan_in_force();
    void plan_ready(Result<PreparedPolicy> prepared, std::uint64_t edition);

    // learned.cpp: what an engine learned, over a restart
    void recall_learned();
    void keep_learned();
    void arm_learned_timer();

    // signals.cpp: signal strength
    Status open_signal();
    handover::SignalThresholds signal_thresholds() const;
    void arm_signal_timer();
    void read_signals();

    // actions.cpp: what is done
    void pump();
    void run_coordinator_actions();
    void run_client_actions();
    void run(const handover::Attach& action);
    void run(const handover::Detach& action);
    void run(const handover::Drain& action);
    void run(const handover::SetUsable& action);
    void run(const handover::Notice& action);
    void run(const registration::SendRegistration& action);
    void run(const registration::SendKeepalive& action);
    void run(const registration::BindingChanged& action);
    void run(const registration::HomeAddressAssigned& action);
    void run(const registration::PolicyOfHomeAgent& action);
    void run(const registration::NumberingAgreed& action);
    void run(const registration::TunnelAgreed& action);
    void run(const registration::Event& action);
    bool open_socket(unsigned slot);
    Status open_plain_socket(unsigned slot, const tunnel::SocketSettings& settings);
    bool send_in_tunnel(unsigned slot, wire::ByteView inner_packet) const;
    void update_mtu();

    void apply(PreparedPolicy policy, bool first);
    std::uint32_t next_version() const;
    ReloadOutcome take_over(Reloaded& next);
    void report(const std::string& event, const std::string& text);
    registration::Now now() const;

    asio::io_context& io_;
    config::MobileNode config_;
    const std::filesystem::path config_file_;
    admin::EventLog events_;

    std::unique_ptr<routing::Routing> routing_;
    resolver::Resolver resolver_;
    std::unique_ptr<bpf::Steering> steering_;
    std::string steering_reason_;
    std::unique_ptr<tunnel::TunDevice> tun_;
    std::unique_ptr<bpf::FastPath> fast_path_;
    std::string fast_path_reason_;  ///< why there is none
    std::unique_ptr<tunnel::Loop> loop_;
    std::unique_ptr<uplinks::LinkWatch> watch_;
    std::unique_ptr<handover::Coordinator> coordinator_;
    std::unique_ptr<registration::Client> client_;
    std::unique_ptr<handover::PathWatch> paths_;
    ProbeEchoes probe_echoes_;
    handover::RateShares rate_shares_;
    bool spreads_by_rate_ = false;  ///< a rule of the policy in force does
    std::unique_ptr<signal::Source> signal_source_;
    std::unique_ptr<handover::SignalJudge> signal_judge_;
    std::string signal_reason_;
    std::unique_ptr<choice::Chooser> chooser_;
    std::unique_ptr<CarriedFlows> flows_;  ///< null: the engine looks at none, or they cannot be counted
    std::string flows_reason_;
    std::optional<choice::LearnedFile> learned_;  ///< of the engine in force
    std::optional<replay::PositionReplay> position_;
    std::optional<selection::Trigger> trigger_;  ///< what happened since the engine was asked last
    std::array<choice::UplinkSeen, tunnel::kMaxSlots> seen_{};
    std::uint64_t probes_sent_ = 0, probes_answered_ = 0;

    std::array<UplinkRuntime, tunnel::kMaxSlots> uplinks_;
    // In force, for whoever looks at them in another thread or later.
    std::shared_ptr<const policy::Policy> policy_;
    std::shared_ptr<const policy::Table> table_;
    policy::Generation generation_;
    policy::LabelList written_default_;
    std::size_t written_rules_ = 0;
    std::uint64_t policy_edition_ = 0;  ///< counts what a person wrote; a plan made for an older one is made again
    bool planning_ = false, plan_waits_ = false;
    bool naming_rates_ = false;
    std::optional<registration::PolicyOfHomeAgent> peer_policy_;
    bool numbering_agreed_ = false;  ///< with the home agent
    std::optional<wire::Ipv4Address> home_address_;
    wire::Ipv4Address home_agent_;
    std::uint32_t interface_mtu_ = 0;
    std::string last_error_;

    asio::posix::stream_descriptor link_events_;
    asio::posix::stream_descriptor tunnel_events_;
    asio::steady_timer timer_;
    asio::steady_timer sample_timer_;
    asio::steady_timer signal_timer_;
    asio::steady_timer engine_timer_;
    asio::steady_timer learned_timer_;
    std::thread reload_thread_, plan_thread_, learned_thread_, rates_thread_;
    bool reloading_ = false;
    std::function<void()> shut_down_done_;
};

}  // namespace homeward::mn
