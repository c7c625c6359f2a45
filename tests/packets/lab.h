#pragma once

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../harness/packet.h"
#include "ipc/messages.h"
#include "pipeline/pipeline.h"
#include "policy/table.h"
#include "stats/counters.h"
#include "tables/tables.h"

/// A home agent with two ports, two nodes and a correspondent, around one real pipeline:
///
///      gateway 192.147.23.1 ── access 192.147.23.11 [home agent] 158.132.10.176 home ── correspondent 158.132.10.178
///
///      node .12: wlan 172.16.1.2:434 (label 1, id 11), cellular 172.17.2.3:40001 (label 2, id 12); policy 1
///      node .13: wlan 172.16.5.5:5000 (label 1, id 11); no policy
///      policy 1: from .178 by cellular then wlan, all else by wlan then cellular
namespace lab {

using harness::Address;
using harness::Arp;
using harness::Bytes;
using harness::Ether;
using harness::Icmp;
using harness::Ip;
using harness::Mac;
using harness::Raw;
using harness::Stack;
using harness::Tcp;
using harness::Tunnel;
using harness::Udp;
using homeward::pipeline::KernelClass;
using homeward::pipeline::Origin;
using homeward::stats::Drop;
using homeward::stats::Event;
namespace ipc = homeward::ipc;
namespace pipeline = homeward::pipeline;
namespace policy = homeward::policy;
namespace tables = homeward::tables;
namespace wire = homeward::wire;

inline constexpr std::uint16_t kAccess = 0, kHome = 1;
inline constexpr Mac kAccessMac = {2, 0, 0, 0, 0, 0xa0}, kHomeMac = {2, 0, 0, 0, 0, 0xa1};
inline constexpr Mac kGatewayMac = {2, 0, 0, 0, 0, 0xb0}, kPeerMac = {2, 0, 0, 0, 0, 0xb1};
inline constexpr Mac kNobodyMac = {2, 0, 0, 0, 0, 0x01};  ///< source of frames injected into the kernel
inline constexpr Address kHomeAgent = "192.147.23.11", kHomeOwn = "158.132.10.176", kGateway = "192.147.23.1";
inline constexpr Address kNode = "158.132.10.12", kNode2 = "158.132.10.13", kPeer = "158.132.10.178";
inline constexpr Address kFar = "203.0.113.7";
inline constexpr Address kWlan = "172.16.1.2", kCellular = "172.17.2.3", kWlan2 = "172.16.5.5";
inline constexpr std::uint16_t kWlanPort = 434, kCellularPort = 40001, kWlan2Port = 5000;
inline constexpr std::uint64_t kHz = 1'000'000;

/// Something that left the pipeline. `to_kernel` frames carry their class.
struct Emitted {
    std::uint16_t port = 0;
    bool kernel = false;
    KernelClass kernel_class = KernelClass::other;
    Bytes frame;
    std::uint64_t offloads = 0;  ///< of the mbuf, transmit side
};

Emitted sent(std::uint16_t port, const Stack& frame);
Emitted to_kernel(std::uint16_t port, KernelClass kernel_class, const Stack& frame);

class Lab {
  public:
    static constexpr pipeline::Reassembly::Bounds kBounds = {.datagrams = 64, .buffers = 128, .timeout_ms = 1000};

    explicit Lab(bool settled = true, bool express = true, const pipeline::Reassembly::Bounds& bounds = kBounds,
                 std::uint32_t resend_ms = 0);
    ~Lab();

    tables::Tables& tables() { return tables_; }
    ipc::Settings& settings() { return settings_; }
    void apply_settings() { tables_.set_settings(settings_); }
    void put_policy(std::uint32_t number, const policy::Policy& policy);
    ipc::Binding node_record() const;
    void put(const ipc::Binding& binding);
    void neighbour(std::uint16_t port, Address address, const Mac& mac,
                   tables::NeighbourState state = tables::NeighbourState::reachable);
    void route(const char* prefix, tables::Route route);
    void set_mtu(std::uint16_t port, std::uint16_t mtu);
    tables::Port port(std::uint16_t id) { return tables_.shared().ports[id]; }

    /// One frame through the pipeline. What it emitted is in `emitted`, requests in `requests`.
    void run(std::uint16_t port, Origin origin, const Bytes& frame);
    /// Several frames in one call.
    void run_burst(std::uint16_t port, Origin origin, const std::vector<Bytes>& frames);
    /// Several calls whose output nobody takes away.
    void run_without_sending(std::uint16_t port, const std::vector<Bytes>& frames);
    void tick();
    /// Takes all mbufs but `left`.
    std::vector<rte_mbuf*> exhaust_pool(unsigned left);
    /// The worker ends.
    void end() { pipeline_.reset(); }
    void advance_ms(std::uint64_t ms) { now_ += ms * kHz / 1000; }

    std::uint64_t count(Drop drop) const { return counters_->read(drop); }
    std::uint64_t count(Event event) const { return counters_->read(event); }
    std::map<std::string, std::uint64_t> drops() const;
    /// mbufs in use; 0 when every packet was consumed.
    unsigned leaked() const;
    void take_output();

    std::vector<Emitted> emitted;
    std::vector<pipeline::Request> requests;
    /// What a driver makes of a frame it receives.
    struct Descriptor {
        unsigned headroom = RTE_PKTMBUF_HEADROOM;
        std::uint64_t flags = 0;
        bool lent = false;
    };
    std::vector<Descriptor> in_turn;           ///< of received frames; empty: the three below, of all of them
    unsigned headroom = RTE_PKTMBUF_HEADROOM;  ///< of received frames
    std::uint64_t rx_flags = 0;                ///< of received frames
    bool lent_buffers = false;                 ///< the driver's own, not the pool's
    unsigned returned_buffers = 0;             ///< of those, given back

  private:
    rte_mbuf* receive(const Bytes& frame);

    std::size_t received_ = 0;

    tables::Tables tables_{1};
    ipc::Settings settings_;
    rte_mempool* pool_;
    std::unique_ptr<homeward::stats::Counters> counters_;
    std::unique_ptr<pipeline::Pipeline> pipeline_;
    std::unique_ptr<pipeline::Output> output_;
    std::uint64_t now_ = 100 * kHz;
};

rte_mempool* make_pool(unsigned size = 1023);

/// Node → home agent, as the access port receives it.
Stack uplink(const Stack& inner, Address care_of = kWlan, std::uint16_t port = kWlanPort, std::uint8_t tos = 0);
/// Home agent → node, as it leaves by the access port. Ids are compared as 0.
Stack downlink(const Stack& inner, Address care_of = kWlan, std::uint16_t port = kWlanPort, std::uint8_t tos = 0);
Stack on_home_link(const Stack& inner);  ///< frame from the correspondent to us
Stack to_peer(const Stack& inner);       ///< frame from us to the correspondent
Stack to_gateway(const Stack& inner);
Stack injected(std::uint16_t port, const Stack& inner);

/// One case: what comes in, what must come out, and which drops are counted (no others).
struct Row {
    std::string name;
    std::uint16_t port = kAccess;
    Stack in;
    std::vector<Emitted> out{};
    std::vector<Drop> drops{};
    Origin origin = Origin::wire;
    std::function<void(Lab&)> setup{};
    std::vector<Event> events{};  ///< each counted once at least
};

void check(const Row& row);

std::ostream& operator<<(std::ostream& out, const Row& row);

/// Zeroes the id of an IPv4 packet whose source is the home agent: any will do for an atomic packet.
Bytes normalised(Bytes frame);

}  // namespace lab
