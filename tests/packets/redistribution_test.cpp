// Which worker a packet goes to where the device does not decide, and that nothing is lost on the way.
#include "worker/redistribution.h"

#include <rte_mbuf.h>

#include <algorithm>

#include "lab.h"

namespace lab {
namespace {

using homeward::worker::hash_addresses;
using homeward::worker::plan_redistribution;
using homeward::worker::plan_workers;
using homeward::worker::PortQueues;
using homeward::worker::Redistribute;
using homeward::worker::Redistribution;

rte_mempool* pool() {
    static rte_mempool* const made = make_pool(8191);
    return made;
}

rte_mbuf* frame_of(const Bytes& bytes) {
    rte_mbuf* frame = rte_pktmbuf_alloc(pool());
    auto* room = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(frame, static_cast<std::uint16_t>(bytes.size())));
    std::copy(bytes.begin(), bytes.end(), room);
    return frame;
}

std::optional<std::uint32_t> hash_of(const Bytes& bytes) {
    rte_mbuf* frame = frame_of(bytes);
    const auto hash = hash_addresses(*frame);
    rte_pktmbuf_free(frame);
    return hash;
}

Bytes in_vlan(Bytes frame) {
    const std::uint8_t tag[] = {0x81, 0, 0, 100};
    frame.insert(frame.begin() + 12, std::begin(tag), std::end(tag));
    return frame;
}

TEST(Redistribution, AFlowAndItsFragmentsHaveOneHash) {
    const Stack payload = Udp{.src = 1, .dst = 2} / Raw::pattern(64);
    const Bytes whole = on_home_link(Ip{.src = kFar, .dst = kNode} / payload).bytes();
    const Bytes same[] = {
        on_home_link(Ip{.src = kFar, .dst = kNode, .id = 9} / Udp{.src = 3, .dst = 4} / Raw{"x"}).bytes(),
        on_home_link(Ip{.src = kFar, .dst = kNode, .mf = true} / payload).bytes(),
        on_home_link(Ip{.src = kFar, .dst = kNode, .offset = 64} / Raw::pattern(8)).bytes(),
        in_vlan(whole),
    };
    ASSERT_TRUE(hash_of(whole));
    for (const Bytes& frame : same) {
        EXPECT_EQ(hash_of(frame), hash_of(whole)) << harness::to_hex(frame);
    }
}

TEST(Redistribution, ATunnelsOuterAddressesDecide) {
    const auto inner = [](Address to) { return Ip{.src = kNode, .dst = to} / Udp{.src = 1, .dst = 2}; };
    EXPECT_EQ(hash_of(uplink(inner(kPeer)).bytes()), hash_of(uplink(inner(kFar)).bytes()));
    EXPECT_NE(hash_of(uplink(inner(kPeer), kWlan).bytes()), hash_of(uplink(inner(kPeer), kCellular).bytes()));
}

TEST(Redistribution, WhatIsNotIpv4HasNoHash) {
    const Bytes whole = on_home_link(Ip{.src = kFar, .dst = kNode} / Raw{"12345678"}).bytes();
    const Bytes none[] = {
        (Ether{.dst = kHomeMac, .src = kPeerMac, .type = 0x86dd} / Raw::pattern(60)).bytes(),
        (Ether{.dst = kHomeMac, .src = kPeerMac} / Arp{}).bytes(),
        Bytes(whole.begin(), whole.begin() + 33),
        Bytes{1, 2, 3},
        Bytes{},
    };
    for (const Bytes& frame : none) {
        EXPECT_FALSE(hash_of(frame)) << harness::to_hex(frame);
    }
    Bytes short_tagged = in_vlan(whole);
    short_tagged.resize(37);
    EXPECT_FALSE(hash_of(short_tagged));
}

/// Neighbouring addresses, as home networks and access networks have them, spread evenly.
TEST(Redistribution, NeighboursSpread) {
    for (const unsigned workers : {2U, 3U, 8U}) {
        std::vector<unsigned> down(workers), up(workers);
        constexpr unsigned kNodes = 4096;
        for (std::uint32_t i = 0; i < kNodes; ++i) {
            const Address near{kNode.value + i};
            const auto share = [&](const Bytes& frame) { return std::uint64_t{*hash_of(frame)} * workers >> 32; };
            ++down[share(on_home_link(Ip{.src = kPeer, .dst = near} / Raw{"x"}).bytes())];
            ++up[share(on_home_link(Ip{.src = near, .dst = kHomeAgent} / Raw{"x"}).bytes())];
        }
        for (unsigned worker = 0; worker < workers; ++worker) {
            constexpr double kAll = kNodes;
            EXPECT_NEAR(down[worker], kAll / workers, kAll / workers / 10);
            EXPECT_NEAR(up[worker], kAll / workers, kAll / workers / 10);
        }
    }
}

/// Three workers; device 0 has a queue for each, device 1 has one, which worker 0 polls.
class Rings : public testing::Test {
  protected:
    Rings() {
        pool();
        const std::vector<PortQueues> devices{{"many", 3, 3}, {"one", 1, 1}};
        auto made = Redistribution::create(plan_workers(3, devices),
                                           plan_redistribution(3, devices, Redistribute::automatic), 0);
        EXPECT_TRUE(made.ok());
        rings = std::move(*made);
    }

    std::vector<rte_mbuf*> burst(std::uint32_t first, unsigned count) {
        std::vector<rte_mbuf*> frames;
        for (std::uint32_t i = first; i < first + count; ++i) {
            frames.push_back(frame_of(on_home_link(Ip{.src = Address{i}, .dst = kNode} / Raw{"x"}).bytes()));
        }
        return frames;
    }

    std::unique_ptr<Redistribution> rings;
};

TEST_F(Rings, AreMadeForTheScarceAlone) {
    EXPECT_FALSE(rings->covers(0));
    EXPECT_TRUE(rings->covers(1));
    EXPECT_TRUE(rings->inbox(0).empty());
    EXPECT_EQ(rings->inbox(1).size(), 1U);
    EXPECT_EQ(rings->inbox(2).size(), 1U);
    const std::vector<PortQueues> plenty{{"many", 3, 3}};
    EXPECT_EQ(
        *Redistribution::create(plan_workers(3, plenty), plan_redistribution(3, plenty, Redistribute::automatic), 0),
        nullptr);
}

TEST_F(Rings, EveryFrameIsSomebodysInItsOrder) {
    Redistribution::Frames refused;
    std::vector<rte_mbuf*> frames = burst(0x0a000000, 64);
    const std::vector<rte_mbuf*> sent = frames;
    const unsigned kept = rings->pass_on(0, 1, frames.data(), 64, refused);
    std::vector<std::vector<rte_mbuf*>> shares{{frames.begin(), frames.begin() + kept}};
    for (const unsigned worker : {1U, 2U}) {
        std::array<rte_mbuf*, 64> got;
        const unsigned count =
            rte_ring_dequeue_burst(rings->inbox(worker)[0], reinterpret_cast<void**>(got.data()), got.size(), nullptr);
        shares.emplace_back(got.begin(), got.begin() + count);
        EXPECT_TRUE(std::all_of(got.begin(), got.begin() + count, [](rte_mbuf* frame) { return frame->port == 1; }));
    }
    std::size_t total = 0;
    for (const auto& share : shares) {
        EXPECT_GT(share.size(), 8U);
        total += share.size();
        const auto position = [&](rte_mbuf* frame) { return std::find(sent.begin(), sent.end(), frame); };
        EXPECT_TRUE(std::is_sorted(share.begin(), share.end(),
                                   [&](rte_mbuf* a, rte_mbuf* b) { return position(a) < position(b); }));
    }
    EXPECT_EQ(total, sent.size());
    EXPECT_EQ(refused.count, 0U);
    std::for_each(sent.begin(), sent.end(), rte_pktmbuf_free);
}

TEST_F(Rings, AFullOneRefusesWithoutHarmToTheOthers) {
    Redistribution::Frames refused;
    unsigned lost = 0, kept = 0, sent = 0;
    for (; lost == 0; sent += 64) {
        std::vector<rte_mbuf*> frames = burst(0x0a000000 + sent, 64);
        const unsigned mine = rings->pass_on(0, 1, frames.data(), 64, refused);
        std::for_each(frames.begin(), frames.begin() + mine, rte_pktmbuf_free);
        std::for_each(refused.items.begin(), refused.items.begin() + refused.count, rte_pktmbuf_free);
        kept += mine;
        lost += refused.count;
        refused.count = 0;
        ASSERT_LT(sent, 2 * Redistribution::kPerWorker * 3) << "no ring is ever full";
    }
    EXPECT_EQ(sent, kept + lost + rte_ring_count(rings->inbox(1)[0]) + rte_ring_count(rings->inbox(2)[0]));
    rings.reset();
    EXPECT_EQ(rte_mempool_in_use_count(pool()), 0U) << "what lay in the rings was not freed";
}

}  // namespace
}  // namespace lab
