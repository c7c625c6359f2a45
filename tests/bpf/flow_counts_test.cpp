// The programs that count flows, packet by packet: packets in, counters out.
//
// Skipped, with the kernel's reason, where programs may not be loaded.
#include "bpf_steering/flow_counts.h"

#include <sched.h>

#include <map>
#include <memory>

#include "bpf_steering/steering.h"
#include "packets.h"

namespace homeward::bpf {
namespace {

constexpr int kLeft = -1;  // TC_ACT_UNSPEC

class FlowCountsTest : public testing::Test {
  protected:
    static void SetUpTestSuite() { ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << std::strerror(errno); }

    void SetUp() override {
        if (const auto loaded = Steering::load(); !loaded) {
            GTEST_SKIP() << loaded.error().text;
        }
        tun = open_tun("home0");
        sh("ip link set home0 up");
        auto attached = FlowCounts::attach(static_cast<int>(::if_nametoindex("home0")));
        ASSERT_TRUE(attached) << attached.error().text;
        counts = std::move(*attached);
    }

    UniqueFd tun;
    std::unique_ptr<FlowCounts> counts;
};

struct CountedRow {
    const char* name;
    Inner packet;
    std::uint16_t source = 0, destination = 0;
    bool up = true;
    const char* correspondent = nullptr;  ///< null: nothing is counted
    std::uint16_t port = 0;
};

std::map<std::string, homeward_flow_bytes> flows_in(FlowCounts& counts) {
    std::map<std::string, homeward_flow_bytes> result;
    const Status read = counts.read([&](const homeward_flow_key& key, const homeward_flow_bytes& bytes) {
        result[wire::Ipv4Address{wire::be32::from_raw(key.correspondent)}.to_string() + "/" +
               std::to_string(key.protocol) + "/" + std::to_string(key.port)] = bytes;
    });
    EXPECT_TRUE(read) << read.error().text;
    return result;
}

/// The home address and those of correspondents that send begin as kHome does, for the same reason.
TEST_F(FlowCountsTest, FlowsAreCountedByTheCorrespondentsEnd) {
    constexpr const char *kServer = "8.0.9.9", *kOther = "8.0.9.10";
    constexpr std::uint16_t kMore = 0x2000, kLater = 100;
    const std::vector<CountedRow> rows{
        {"up", {kHome, kServer, kTcp, 200}, 40000, 443, true, kServer, 443},
        {"another connection to the same port", {kHome, kServer, kTcp, 300}, 40001, 443, true, kServer, 443},
        {"the answer", {kServer, kHome, kTcp, 1000}, 443, 40000, false, kServer, 443},
        {"another port", {kHome, kServer, kUdp, 100}, 40000, 5004, true, kServer, 5004},
        {"another server", {kOther, kHome, kUdp, 100}, 5004, 40000, false, kOther, 5004},
        {"a protocol without ports", {kHome, kServer, kIcmp, 84}, 0x0800, 1, true, kServer, 0},
        {"a later fragment before its first", {kOther, kHome, kUdp, 100, 0, 0, kLater}, 0, 0, false},
        {"a first fragment", {kOther, kHome, kUdp, 500, 0, 0, kMore}, 5004, 40000, false, kOther, 5004},
        {"its later one", {kOther, kHome, kUdp, 100, 0, 0, kLater}, 0, 0, false, kOther, 5004},
        {"another's later one", {kServer, kHome, kUdp, 100, 0, 0, kLater}, 0, 0, false},
    };
    std::map<std::string, homeward_flow_bytes> expected;
    for (const CountedRow& row : rows) {
        Bytes packet = inner(row.packet);
        put16(packet, 20, row.source);
        put16(packet, 22, row.destination);
        const Outcome outcome = run(row.up ? counts->up_fd() : counts->down_fd(), packet, {});
        EXPECT_EQ(outcome.verdict, kLeft) << row.name << ": others decide";
        EXPECT_EQ(outcome.packet, packet) << row.name;
        if (row.correspondent != nullptr) {
            homeward_flow_bytes& sum = expected[std::string(row.correspondent) + "/" +
                                                std::to_string(row.packet.protocol) + "/" + std::to_string(row.port)];
            (row.up ? sum.up : sum.down) += row.packet.size;
        }
        const auto flows = flows_in(*counts);
        ASSERT_EQ(flows.size(), expected.size()) << row.name;
        for (const auto& [name, bytes] : expected) {
            EXPECT_EQ(flows.at(name).up, bytes.up) << row.name << ": " << name;
            EXPECT_EQ(flows.at(name).down, bytes.down) << row.name << ": " << name;
        }
    }
    counts->forget({ip(kServer).wire().raw(), 443, kTcp, 0});
    EXPECT_EQ(flows_in(*counts).count("8.0.9.9/6/443"), 0U);
}

TEST_F(FlowCountsTest, MoreFlowsThanThereIsRoomForDisplaceTheQuiet) {
    Bytes packet = inner({kHome, "198.51.100.7"});
    for (unsigned i = 0; i < 3 * HOMEWARD_FLOWS; ++i) {
        put16(packet, 22, 1024 + i);
        run(counts->up_fd(), packet, {});
        if (i % 16 == 0) {  // one that goes on all the time
            put16(packet, 22, 443);
            run(counts->up_fd(), packet, {});
        }
    }
    const auto flows = flows_in(*counts);
    EXPECT_LE(flows.size(), HOMEWARD_FLOWS);
    EXPECT_EQ(flows.at("198.51.100.7/17/443").up, packet.size() * (3 * HOMEWARD_FLOWS / 16));
}

TEST_F(FlowCountsTest, ADeviceThatIsGoneIsRefused) {
    const auto refused = FlowCounts::attach(9999);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text.find("clsact"), std::string::npos) << refused.error().text;
}

}  // namespace
}  // namespace homeward::bpf
