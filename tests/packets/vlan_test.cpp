// Tags of IEEE 802.1Q at a worker's edge: the pipeline never sees one.
#include "worker/vlan.h"

#include <rte_mbuf.h>

#include <cstring>
#include <optional>

#include "lab.h"

namespace lab {
namespace {

using homeward::worker::Place;
using homeward::worker::tag;
using homeward::worker::VlanPorts;

constexpr std::uint16_t kNobody = tables::kNoPort;
const Bytes kPlain = on_home_link(Ip{.src = kFar, .dst = kNode} / Udp{.src = 1, .dst = 2} / Raw{"x"}).bytes();

/// `frame` with a tag of priority 5 in it.
Bytes tagged(Bytes frame, std::uint16_t vlan, std::uint16_t type = 0x8100) {
    const std::uint8_t tag[] = {static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type),
                                static_cast<std::uint8_t>(5 << 5 | vlan >> 8), static_cast<std::uint8_t>(vlan)};
    frame.insert(frame.begin() + 12, std::begin(tag), std::end(tag));
    return frame;
}

class Frame {
  public:
    explicit Frame(const Bytes& bytes, unsigned headroom = RTE_PKTMBUF_HEADROOM) {
        static rte_mempool* const pool = make_pool(15);
        mbuf = rte_pktmbuf_alloc(pool);
        mbuf->data_off = static_cast<std::uint16_t>(headroom);
        std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes.size())), bytes.data(), bytes.size());
    }
    ~Frame() { rte_pktmbuf_free(mbuf); }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

    Bytes bytes() const {
        const auto* first = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
        return {first, first + rte_pktmbuf_pkt_len(mbuf)};
    }

    rte_mbuf* mbuf;
};

/// Port 0: another device's. Port 1: untagged, on device 1. Ports 2 and 3: its VLANs 100 and 4094.
const std::vector<Place> kBeside = {
    {.device = 0}, {.device = 1}, {.device = 1, .vlan = 100}, {.device = 1, .vlan = 4094}};
/// The same, without the untagged one.
const std::vector<Place> kAlone = {
    {.device = 0}, {.device = 0}, {.device = 1, .vlan = 100}, {.device = 1, .vlan = 4094}};

TEST(Vlan, FramesFindTheirPort) {
    struct {
        const char* name;
        Bytes in;
        std::optional<std::uint16_t> stripped;  ///< the device took this tag off
        std::uint16_t beside, alone;
        Bytes out;
    } const rows[] = {
        {"untagged", kPlain, {}, 1, kNobody, kPlain},
        {"ours", tagged(kPlain, 100), {}, 2, 2, kPlain},
        {"the last VLAN", tagged(kPlain, 4094), {}, 3, 3, kPlain},
        {"priority alone", tagged(kPlain, 0), {}, 1, kNobody, kPlain},
        {"another's", tagged(kPlain, 101), {}, 1, kNobody, tagged(kPlain, 101)},
        {"a provider's tag", tagged(kPlain, 100, 0x88a8), {}, 1, kNobody, tagged(kPlain, 100, 0x88a8)},
        {"the inner of two", tagged(tagged(kPlain, 7), 100), {}, 2, 2, tagged(kPlain, 7)},
        {"cut inside the tag",
         {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x81, 0, 0},
         {},
         1,
         kNobody,
         {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x81, 0, 0}},
        {"stripped by the device", kPlain, std::uint16_t{5 << 13 | 100}, 2, 2, kPlain},
        {"priority stripped by the device", kPlain, std::uint16_t{5 << 13}, 1, kNobody, kPlain},
        {"another's, stripped by the device", kPlain, std::uint16_t{5 << 13 | 101}, 1, kNobody, tagged(kPlain, 101)},
    };
    for (const auto& row : rows) {
        for (const bool alone : {false, true}) {
            Frame frame{row.in};
            if (row.stripped) {
                frame.mbuf->vlan_tci = *row.stripped;
                frame.mbuf->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
            }
            const std::uint16_t port = VlanPorts{1, alone ? kAlone : kBeside}.sort(*frame.mbuf);
            EXPECT_EQ(port, alone ? row.alone : row.beside) << row.name;
            if (port != kNobody) {
                EXPECT_EQ(harness::to_hex(frame.bytes()), harness::to_hex(row.out)) << row.name;
            }
        }
    }
}

TEST(Vlan, OnlyADeviceWithVlansIsSorted) {
    EXPECT_TRUE((VlanPorts{0, kBeside}.plain()));
    EXPECT_EQ((VlanPorts{0, kBeside}.untagged()), 0);
    EXPECT_FALSE((VlanPorts{1, kBeside}.plain()));
}

TEST(Vlan, TagsArePutIn) {
    Frame frame{kPlain};
    EXPECT_TRUE(tag(*frame.mbuf, {.device = 1, .vlan = 4094}));
    Bytes expected = tagged(kPlain, 4094);
    expected[14] &= 0x0f;  // no priority
    EXPECT_EQ(harness::to_hex(frame.bytes()), harness::to_hex(expected));
}

TEST(Vlan, OffloadsFindTheirHeadersBehindTheTag) {
    Frame frame{kPlain};
    frame.mbuf->l2_len = 14;
    frame.mbuf->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
    EXPECT_TRUE(tag(*frame.mbuf, {.device = 1, .vlan = 100}));
    EXPECT_EQ(frame.mbuf->l2_len, 18);
}

TEST(Vlan, TheDevicePutsThemInWhereItCan) {
    Frame frame{kPlain};
    EXPECT_TRUE(tag(*frame.mbuf, {.device = 1, .vlan = 100, .insert_offload = true}));
    EXPECT_EQ(frame.bytes(), kPlain);
    EXPECT_EQ(frame.mbuf->vlan_tci, 100);
    EXPECT_EQ(frame.mbuf->ol_flags, RTE_MBUF_F_TX_VLAN);
}

TEST(Vlan, NoRoomForATag) {
    Frame frame{kPlain, 3};
    EXPECT_FALSE(tag(*frame.mbuf, {.device = 1, .vlan = 100}));
    EXPECT_EQ(frame.bytes(), kPlain);
}

}  // namespace
}  // namespace lab
