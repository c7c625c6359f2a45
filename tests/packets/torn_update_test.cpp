// One thread changes bindings, policies and neighbours while another forwards: every packet leaves wholly by the old
// or wholly by the new state, and nothing a worker reads is freed under it.
#include <sched.h>

#include <atomic>
#include <cstring>
#include <set>
#include <thread>

#include "lab.h"

namespace lab {
namespace {

/// A care-of address and a port that belong together: the port repeats the address's last byte.
ipc::Binding variant(unsigned number, std::uint32_t policy) {
    ipc::Binding node{.home_address = kNode.value, .policy = policy, .uplink_count = 2};
    for (unsigned i = 0; i < 2; ++i) {
        const unsigned mark = 2 * number + i;
        node.uplinks[i] = {Address{"172.30.0.0"}.value + mark,
                           static_cast<std::uint16_t>(20000 + mark),
                           static_cast<std::uint8_t>(i + 1),
                           static_cast<std::uint8_t>(11 + i),
                           ipc::kUplinkUp,
                           0,
                           static_cast<std::uint16_t>(1400 + mark)};
    }
    return node;
}

/// The EAL binds the thread that starts it to one core, and threads inherit that.
void run_anywhere() {
    cpu_set_t all;
    std::memset(&all, 0xff, sizeof all);
    sched_setaffinity(0, sizeof all, &all);
}

void write_until(const std::atomic<bool>& stop, Lab& lab) {
    run_anywhere();
    policy::Policy ways[2] = {{.rules = {}, .fallback = {1, 2}}, {.rules = {}, .fallback = {2, 1}}};
    for (unsigned i = 0; !stop.load(); ++i) {
        lab.put_policy(1 + i % 2, ways[i % 2]);
        auto next = variant(i % 8, 1 + i % 2);
        if (i % 3 == 0) {
            std::swap(next.uplinks[0], next.uplinks[1]);
        }
        lab.put(next);
        lab.neighbour(kHome, Address{Address{"10.0.0.0"}.value + i % 4096}, kPeerMac);
        lab.tables().routes().put(*wire::Ipv4Prefix::parse("172.30.0.0/24"),
                                  {tables::RouteKind::unicast, kAccess, wire::Ipv4Address{kGateway.value}});
        lab.tables().routes().remove(*wire::Ipv4Prefix::parse("172.30.0.0/24"));
        lab.tables().reclaim();
    }
}

TEST(TornUpdate, EveryPacketIsWhollyOldOrWhollyNew) {
    Lab lab;
    lab.put_policy(1, {.rules = {}, .fallback = {1, 2}});
    lab.put(variant(0, 1));
    lab.tables().quiescence().online(0);
    std::atomic<bool> stop{false};
    std::thread writer{[&] { write_until(stop, lab); }};
    const Bytes frame = on_home_link(Ip{.src = kFar, .dst = kNode} / Udp{.src = 1, .dst = 2} / Raw{"x"}).bytes();
    std::set<unsigned> seen;
    unsigned torn = 0;
    unsigned sent_packets = 0;
    // Goes on until the writer was seen at work; the bound ends a run in which it never gets the processor.
    for (unsigned i = 0; i < 2'000'000 && (i < 200'000 || seen.size() < 8); ++i) {
        lab.run(kHome, Origin::wire, frame);
        lab.tables().quiescence().quiescent(0);
        for (const Emitted& emitted : lab.emitted) {
            const unsigned mark = emitted.frame[33];
            const unsigned port = unsigned{emitted.frame[36]} << 8 | emitted.frame[37];
            torn += port != 20000 + mark || emitted.frame[32] != 0 ? 1U : 0U;
            seen.insert(mark);
            ++sent_packets;
        }
        lab.emitted.clear();
    }
    stop = true;
    writer.join();
    lab.tables().quiescence().offline(0);
    EXPECT_EQ(torn, 0U);
    EXPECT_GE(seen.size(), 8U) << "the writer was never seen at work";
    EXPECT_GE(sent_packets, 200'000U);
    EXPECT_TRUE(lab.drops().empty()) << "a node that always has an uplink up lost packets";
    EXPECT_EQ(lab.leaked(), 0U);
}

}  // namespace
}  // namespace lab
