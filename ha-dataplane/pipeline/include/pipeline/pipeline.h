#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <memory>

#include "pipeline/datagram.h"
#include "pipeline/early_fragments.h"
#include "pipeline/express.h"
#include "pipeline/flow_limit.h"
#include "pipeline/fragment_cache.h"
#include "pipeline/headers.h"
#include "pipeline/output.h"
#include "pipeline/packet.h"
#include "pipeline/plain_beginning.h"
#include "pipeline/prospect.h"
#include "pipeline/reassembly.h"
#include "pipeline/resend.h"
#include "pipeline/token_bucket.h"
#include "pipeline/usual_descriptor.h"
#include "pipeline/waiting.h"
#include "stats/counters.h"
#include "tables/tables.h"

namespace homeward::pipeline {

struct QuadFrames;
struct QuadHeader;
struct QuadNodes;
struct QuadChosen;

enum class Origin : std::uint8_t {
    wire,    ///< received by the port
    kernel,  ///< read from the port's TAP twin
};

/// One worker's packet processing. A burst goes through the stages together, so that the lines a stage needs were
/// asked for by the stage before:
///
///     frame ─ classify ─┬─ arp
///                       ├─ reassemble ─┐
///                       ├──────────────┴─ decap ─┬─ echo ────────────┐
///                       │         └─┐                                │
///                       └───────────┴─ dispatch ─┬─ encap (downlink) ┤
///                                                ├─ forward (transit)┴─ transmit (route, neighbour, Ethernet)
///                                                └─ kernel, or unchanged out of the port
///
/// Most packets need none of the general stages' cases: one segment, no fragment, no options, no error, a neighbour
/// that is known. The express lane (express.h) takes those from frame to frame in one go; it changes nothing before
/// every one of its checks held, and whatever else comes takes the stages above, at its place in the order.
///
/// Every packet ends in `Output`, waits for its neighbour, or is freed under a name (stats::Drop). Nothing here
/// allocates, locks, logs or calls the system. The object is large (≈ 500 KB); it is made before the worker starts.
class Pipeline {
  public:
    struct Config {
        const tables::Tables* tables = nullptr;
        stats::Counters* counters = nullptr;
        rte_mempool* pool = nullptr;  ///< for fragments and ICMP errors
        std::uint64_t tsc_hz = 0;
        Reassembly::Bounds reassembly{};
        std::uint32_t resend_ms = 0;  ///< how long what was sent can be sent again; 0: never
        bool express = true;          ///< false: every packet goes through the general stages
    };

    static constexpr unsigned kBurst = 64;

    explicit Pipeline(const Config& config);
    /// Frees the packets that still wait.
    ~Pipeline();
    Pipeline(const Pipeline&) = delete;
    Pipeline& operator=(const Pipeline&) = delete;

    /// Consumes the `count` ≤ kBurst frames, which came in by `port` (or its twin). `now`: TSC cycles. `output` is
    /// appended to; the worker sends and clears it after each call.
    void process(std::uint16_t port, Origin origin, rte_mbuf** frames, unsigned count, std::uint64_t now,
                 Output& output);

    /// Releases packets whose neighbour is known by now, drops those that waited too long, fragments among them. Call
    /// it once per loop; with nothing waiting it costs three comparisons.
    void tick(std::uint64_t now, Output& output);
    bool waiting() const noexcept { return !waiting_.empty(); }

  private:
    static constexpr unsigned kPackets = 2 * kBurst;  ///< received ones and the ICMP errors they cause
    using PacketList = List<Packet*, kPackets>;

    using Sink = void (Pipeline::*)(Packet&);

    /// Packets that take each step of the express lane together: as many lines, and translations of their addresses,
    /// are asked for at once.
    static constexpr unsigned kGroup = 8;
    static_assert(kBurst % kGroup == 0 && kGroup % kQuad == 0);
    /// Packets [begin, end) of `express_`.
    struct Group {
        unsigned begin, end;
    };

    // express.cpp, express_decap.h, express_encap.h
    void run_in_order(std::uint16_t port, rte_mbuf** frames, unsigned count);
    template <bool kIndexed>
    void run_lagging(std::uint16_t port, rte_mbuf** frames, unsigned count);
    void run_general(std::uint16_t port, Source source, rte_mbuf** frames, unsigned count);
    template <class Visit>
    static void each(Group group, const Visit& visit);
    void ask(rte_mbuf** frames, Group group, unsigned count);
    template <bool kUp>
    std::uint8_t ask_lines(Group group);
    void expect(rte_mbuf** frames, Group group);
    void sort(rte_mbuf** frames, Group group);
    Express::Lane sort_plain(Express& packet) const;
    Express::Lane sort_tunnelled(const Express& packet, const TunnelHeaders& headers) const;
    void count_carried();
    template <bool kIndexed>
    unsigned send(Group group, std::uint16_t port, rte_mbuf** frames, unsigned done);
    template <bool kIndexed>
    unsigned send_quads(rte_mbuf** frames, Group group);
    template <bool kIndexed>
    unsigned send_rest(Group group, std::uint16_t port, rte_mbuf** frames, unsigned done);
    unsigned up_in(unsigned quad) const;
    template <bool kIndexed>
    unsigned send_encap(rte_mbuf** frames, Group group);
    unsigned send_decap(rte_mbuf** frames, Group group);
    template <bool kIndexed>
    unsigned send_mixed(Group group, std::uint16_t port, rte_mbuf** frames, unsigned done);
    const Prospect& prospect_of(const Express* packets) const;
    bool leads_outside(const Ipv4Header& inner) const;
    bool may_decap(const Express& packet, const TunnelHeaders& headers, const Ipv4Header& inner, unsigned length) const;
    bool express_decap(const Express& packet, std::uint32_t& bytes);
    policy::Lead lead_now(wire::Ipv4Address source, const policy::Table& table);
    template <bool kIndexed>
    policy::Lead lead_of(const Express& packet, wire::Ipv4Address source, const policy::Table& table);
    bool may_come_from(be32 source) const;
    bool may_be_foreign(wire::Ipv4Address source) const;
    template <bool kIndexed>
    Chosen choose(const Express& packet, wire::Ipv4Address source);
    template <bool kIndexed>
    bool express_encap(const Express& packet, std::uint32_t& bytes);
    static OuterFrame::Packet outer_of(const Ipv4Header& ip, unsigned length, tables::UplinkWord uplink);
    template <bool kSummed>
    void enter_tunnel(rte_mbuf& mbuf, Ipv4Header& ip, unsigned length, tables::UplinkWord uplink);
    bool enter_tunnel_unsummed(rte_mbuf& mbuf, Ipv4Header& ip, unsigned length, tables::UplinkWord uplink);
    // prospect.cpp
    void begin_policies(Group group);
    static void begin_policy(const Express* packets, Prospect& prospect);
    static void begin_apart(const Express* packets, Prospect& prospect);
    void descend_policies(Group group);
    static void descend_apart(Prospect& prospect);
    void settle_policies(Group group);
    void settle_apart(Prospect& prospect);
    // quad_frames.h, quad_encap.h, quad_decap.h
    QuadFrames look_at(rte_mbuf** frames, const Express* packets) const;
    template <bool kIndexed>
    bool quad_encap(rte_mbuf** frames, const Express* packets, Quad& bytes);
    static bool read_bindings(const Express* packets, QuadNodes& nodes);
    bool may_come_from(const Express* packets) const;
    bool may_be_foreign(const Express* packets) const;
    template <bool kIndexed>
    policy::Leads leads_of(const Express* packets, Quad sources, const QuadNodes& nodes);
    policy::Leads leads_of_large(Quad sources, const policy::Table& table);
    template <bool kIndexed>
    policy::Leads leads_apart(const Express* packets);
    template <bool kIndexed>
    QuadChosen choose_quad(const Express* packets, const policy::Leads& leads);
    template <bool kIndexed>
    QuadChosen choose_again(const Express* packets);
    bool find_one_egress(const Express* packets, Quad to);
    void enter_tunnels(rte_mbuf** frames, const Express* packets, const QuadHeader& ip, const QuadChosen& chosen);
    bool quad_decap(rte_mbuf** frames, const Express* packets, Quad& bytes);
    bool comes_from_its_node(const rte_mbuf& frame, const Express& packet, const TunnelHeaders& outer) const;
    bool lead_through(rte_mbuf** frames, const Express* packets);
    void leave_tunnels(rte_mbuf** frames, const Express* packets, Quad hops, Quad length);
    // way_out.h, express.cpp
    void find_egress(be32 to, const Express& packet);
    bool leads_to_egress(be32 to) const;
    bool egress_leads_to(wire::Ipv4Address to) const;
    bool leave_one_by_one();
    void change_egress(wire::Ipv4Address to, const Express& packet);
    void remember_egress();
    void push_leaving(unsigned end);
    void open_egress(std::uint16_t port, wire::Ipv4Address next_hop);
    static void leave(rte_mbuf& frame, int further, unsigned bytes);
    // classify.cpp
    void classify(Packet& packet);
    bool for_us(Packet& packet, const EthernetHeader& ethernet) const;
    bool header_valid(Packet& packet);
    static void complete_checksums(Packet& packet);
    bool is_tunnel_data(const Packet& packet) const;
    void expect_inner(Packet& packet);
    void expect_destination(Packet& packet);
    // reassemble.cpp
    bool is_outer_fragment(const Packet& packet) const;
    void reassemble(Packet& packet);
    Datagram::Verdict judge_first(const Packet& packet) const;
    Datagram* admit(const Packet& packet, const Datagram::Verdict& verdict);
    Datagram& decide(Datagram& datagram, const Datagram::Verdict& verdict);
    void keep(Datagram& datagram, Packet& packet, const Span& span);
    bool make_room(const Datagram& datagram, unsigned buffers);
    void complete(Datagram& datagram, Packet& packet);
    void refuse(Datagram& datagram, Packet& packet, stats::Drop reason);
    void give_up(Datagram& datagram, stats::Drop reason);
    void drop_pieces(Datagram& datagram, stats::Drop reason);
    void release(Datagram& datagram);
    void expire_datagrams();
    void free_datagrams();
    // dispatch.cpp
    void dispatch(Packet& packet);
    void dispatch_wire(Packet& packet);
    void dispatch_inner(Packet& packet, tables::Route route);
    bool strip_link(Packet& packet);
    bool is_registration(const Packet& packet) const;
    // arp.cpp
    void arp(Packet& packet);
    bool proxied(const ArpPacket& request, std::uint16_t port) const;
    // decap.cpp
    void decap(Packet& packet);
    bool udp_valid(Packet& packet);
    bool inner_header_valid(Packet& packet);
    bool tuple_matches(Packet& packet);
    bool inner_acceptable(Packet& packet, std::uint8_t outer_ecn);
    bool is_copy(const Packet& packet, std::uint16_t number) const;
    bool merge_ecn(Packet& packet, std::uint8_t outer_ecn);
    // echo.cpp
    bool is_echo(const Packet& packet) const;
    void echo(Packet& packet);
    // forward.cpp
    void forward(Packet& packet);
    bool ttl_suffices(Packet& packet);
    // encap.cpp
    void encap_all();
    bool choose_uplink(Packet& packet);
    /// What a policy has to say of a packet.
    struct Wanted {
        const policy::Choice& choice;
        const policy::Rates& rates;
        const policy::FlowKey& flow;
    };
    static bool take_uplink(Packet& packet, const Wanted* wanted);
    policy::FlowKey flow_key(const Packet& packet);
    void encap(Packet& packet);
    bool may_enter_tunnel(Packet& packet);
    bool loops(const Packet& packet) const;
    void wrap(Packet& packet);
    void wrap_plainly(Packet& packet);
    std::uint16_t number_of(const Packet& packet) const;
    Ipv4Header outer_header(const Ipv4Header& inner, tables::UplinkWord uplink, std::size_t overhead);
    void write_tunnel(TunnelHeaders& headers, const Ipv4Header& inner, tables::UplinkWord uplink, std::uint16_t number);
    // copies.cpp
    static void take_second_up(Packet& packet, const policy::LabelList& names);
    rte_mbuf* share_payload(const Packet& packet);
    void make_copies(const Packet& packet, const Ipv4Header& inner, std::uint16_t number);
    void wrap_copy(rte_mbuf* payload, const Ipv4Header& inner, tables::UplinkWord uplink, std::uint16_t number);
    void resend_lost();
    static bool carries(const tables::Binding& binding, tables::UplinkWord uplink);
    // early_fragment.cpp
    bool hold_early(Packet& packet, const policy::Table& table, const policy::FlowKey& key);
    void release_early(const Ipv4Header& first);
    void send_early(EarlyFragments::Entry& entry);
    void expire_early();
    // mss.cpp
    void clamp_mss(Packet& packet, unsigned mtu);
    // fragment.cpp
    /// Cuts the packet into pieces of at most `mtu` bytes, hands each to `sink`, and frees it.
    void fragment(Packet& packet, unsigned mtu, Sink sink);
    // icmp.cpp
    void icmp_error(const Packet& about, std::uint8_t type, std::uint8_t code, std::uint16_t mtu = 0);
    static bool may_report(const Packet& about);
    bool quotes_tunnel_data(Ipv4Header& quoted, unsigned bytes) const;
    bool tunnel_error(Packet& packet);
    void path_mtu_hint(Packet& packet, const Ipv4Header& quoted, const IcmpHeader& icmp, unsigned quoted_bytes);
    // transmit.cpp
    void transmit(Packet& packet);
    void transmit_unicast(Packet& packet, tables::Route route);
    void no_way(Packet& packet, tables::RouteKind kind);
    void too_big_for_port(Packet& packet, std::uint16_t mtu);
    void finish_checksums(rte_mbuf& mbuf, TunnelHeaders& headers, bool offload, bool udp_offload) const;
    void send(std::uint16_t port, tables::NeighbourWord neighbour, rte_mbuf* mbuf);
    void push_tx(std::uint16_t port, rte_mbuf* frame);
    // waiting.cpp
    void hold(std::uint16_t port, wire::Ipv4Address neighbour, rte_mbuf* mbuf);
    void settle_neighbours();
    void settle(Waiting::Entry& entry);
    // kernel.cpp
    void to_kernel(Packet& packet, KernelClass kernel_class);
    void inject(Packet& packet, std::uint16_t port);
    void push_to_kernel(std::uint16_t port, KernelClass kernel_class, rte_mbuf* frame);
    void leave_by_port(Packet& packet);
    // pipeline.cpp
    void run_stages();
    Packet* new_packet();
    void drop(Packet& packet, stats::Drop reason);
    void drop(rte_mbuf* mbuf, stats::Drop reason);
    void request(const Request& request);

    // Set for the length of one call.
    const tables::Shared* shared_ = nullptr;
    Output* output_ = nullptr;
    std::uint64_t now_ = 0;
    unsigned packet_count_ = 0;
    be32 home_agent_;
    be16 tunnel_port_;
    std::uint8_t tos_mask_ = 0;  ///< of an inner packet's TOS, what the outer one shows
    bool large_seen_ = false;    ///< a packet of this call has a policy worth looking up in steps
    bool indexed_ = false;       ///< one of the last call that encapsulated had: it is done in advance
    bool side_by_side_ = false;  ///< packets of this call may be taken four at a time
    Carried carried_;            ///< by this call in the express lane, not yet in the counters
    std::array<std::uint8_t, kBurst / kGroup>
        up_;                               ///< of each group, bits: the packet goes to the home agent's address
    PlainBeginning ours_;                  ///< what begins the frames that this call's port takes
    UsualDescriptor usual_;                ///< of this call's frames
    Egress egress_;                        ///< the last way out that a packet took, kept from call to call
    Egress parked_;                        ///< the one before it
    std::array<Express, kBurst> express_;  ///< of this call's frames
    std::array<Prospect, kBurst / kQuad> prospects_;  ///< of their quads, while policies are looked up in advance
    std::array<Express::Lane, kBurst> lanes_;         ///< of those that go one by one
    PacketList tunnelled_;                            ///< tunnel data for us
    PacketList arrived_;                              ///< IPv4 whose destination is to be looked at
    PacketList downlink_;                             ///< to a bound home address
    PacketList transit_;                              ///< to be routed
    Leaving leaving_;                                 ///< by `egress_`, and not in its list yet
    EgressSources egress_sources_;                    ///< in which `egress_` and `parked_` were found

    // The worker's own, for good.
    const tables::Tables& tables_;
    const tables::Directory::Reader directory_;
    const tables::Routes::Reader routes_;
    const tables::Neighbours& neighbours_;
    stats::Counters& counters_;
    rte_mempool* pool_;
    std::uint64_t tsc_hz_;
    bool express_lane_;
    std::uint16_t icmp_id_ = 0;  ///< of our errors, as it lies in memory: any will do that differs
    TokenBucket icmp_budget_;
    FlowLimit echo_limit_;
    FlowLimit request_limit_;
    FragmentCache fragments_;
    EarlyFragments early_;
    Reassembly reassembly_;
    Waiting waiting_;
    std::unique_ptr<Resend> resend_;  ///< null: nothing is sent again
    std::uint32_t resend_changes_ = 0;
    std::array<Packet, kPackets> packets_;
};

}  // namespace homeward::pipeline
