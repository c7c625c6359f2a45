#include "choice/flow_watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "allocations.h"

namespace homeward::choice {
namespace {

constexpr double kBytesOfMbps = 1e6 / 8;
constexpr FlowEnd kVideo{wire::Ipv4Address(0xc0000201), 17, 5004}, kFile{wire::Ipv4Address(0xc0000201), 6, 80},
    kPing{wire::Ipv4Address(0xc0000202), 1, 0};

bool all(const WatchedFlow& /*flow*/) {
    return true;
}

/// Reads once a second, in which the flow carries so many Mbit/s.
class Reader {
  public:
    explicit Reader(const FlowWatch::Settings& settings = {}) : watch(settings) {}

    std::span<const WatchedFlow> second(std::vector<std::pair<FlowEnd, double>> rates) {
        std::vector<FlowCount> counts;
        for (const auto& [end, mbps] : rates) {
            std::uint64_t& sum = sums[end];
            sum += static_cast<std::uint64_t>(mbps * kBytesOfMbps);
            counts.push_back({end, sum});
        }
        watch.sample(now++, counts);
        return watch.heaviest(all);
    }
    std::span<const WatchedFlow> seconds(int count, const std::vector<std::pair<FlowEnd, double>>& rates) {
        for (int i = 1; i < count; ++i) {
            second(rates);
        }
        return second(rates);
    }

    FlowWatch watch;
    std::map<FlowEnd, std::uint64_t> sums;
    double now = 0;
};

TEST(FlowWatch, AFlowIsUnknownBeforeItsFirstWholeWindow) {
    Reader reader;
    EXPECT_TRUE(reader.second({{kVideo, 50}}).empty()) << "nobody knows since when it carried that";
    const auto flows = reader.second({{kVideo, 2}});
    ASSERT_EQ(flows.size(), 1U);
    EXPECT_EQ(flows[0].end, kVideo);
    EXPECT_NEAR(flows[0].demand_mbps, 2, 1e-6);
    EXPECT_TRUE(flows[0].open);
}

TEST(FlowWatch, ReadingOftenerThanTheWindowMeasuresTheSame) {
    FlowWatch watch{{}};
    for (int i = 0; i <= 25; ++i) {
        FlowCount count{kFile, static_cast<std::uint64_t>(i * 0.1 * 3 * kBytesOfMbps)};
        watch.sample(i * 0.1, {&count, 1});
    }
    ASSERT_EQ(watch.heaviest(all).size(), 1U);
    EXPECT_NEAR(watch.heaviest(all)[0].demand_mbps, 3, 0.01);
}

TEST(FlowWatch, DemandOutlivesAnUplinkThatBecameTooSmall) {
    Reader reader;
    reader.seconds(20, {{kVideo, 2}});
    EXPECT_NEAR(reader.seconds(10, {{kVideo, 0.3}})[0].demand_mbps, 2, 1e-6);
    EXPECT_NEAR(reader.seconds(31, {{kVideo, 0.3}})[0].demand_mbps, 0.3, 1e-6) << "or it asks for less by now";
}

TEST(FlowWatch, SilenceClosesAFlowThenEndsIt) {
    Reader reader;
    const std::uint32_t id = reader.seconds(5, {{kVideo, 2}})[0].id;
    const auto quiet = reader.seconds(5, {{kVideo, 0}});
    ASSERT_EQ(quiet.size(), 1U);
    EXPECT_FALSE(quiet[0].open);
    EXPECT_EQ(quiet[0].id, id);
    for (int i = 0; i < 40 && reader.watch.gone().empty(); ++i) {
        reader.second({{kVideo, 0}});
    }
    ASSERT_EQ(reader.watch.gone().size(), 1U);
    EXPECT_EQ(reader.watch.gone()[0], kVideo);
    EXPECT_LE(reader.now, 5 + 30 + 2);
    EXPECT_TRUE(reader.second({}).empty());
    EXPECT_NE(reader.seconds(3, {{kVideo, 2}})[0].id, id) << "what comes later is another flow";
}

TEST(FlowWatch, OneThatTheKernelForgotIsSilentUntilItComesAgain) {
    Reader reader;
    const std::uint32_t id = reader.seconds(5, {{kVideo, 2}})[0].id;
    EXPECT_EQ(reader.seconds(5, {}).size(), 1U);
    reader.sums.clear();  // its counter begins anew
    const auto again = reader.seconds(2, {{kVideo, 1}});
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].id, id);
    EXPECT_NEAR(again[0].demand_mbps, 2, 1e-6);
    EXPECT_TRUE(again[0].open);
}

TEST(FlowWatch, StretchesWithAndWithoutTraffic) {
    Reader reader;
    EXPECT_NEAR(reader.seconds(9, {{kFile, 1}})[0].off_s, 0.5, 1e-9) << "a shorter gap than a window is not seen";
    EXPECT_NEAR(reader.second({{kFile, 1}})[0].on_s, 9, 1e-9);
    reader.seconds(4, {{kFile, 0}});
    const auto flows = reader.seconds(3, {{kFile, 1}});
    EXPECT_NEAR(flows[0].on_s, (9 + 3) / 2.0, 1e-9);
    EXPECT_NEAR(flows[0].off_s, 4, 1e-9);
}

TEST(FlowWatch, TheHeaviestAreShownAndStay) {
    Reader reader{{.most = 2}};
    const auto ends = [](std::span<const WatchedFlow> flows) {
        std::vector<FlowEnd> result;
        for (const WatchedFlow& flow : flows) {
            result.push_back(flow.end);
        }
        std::sort(result.begin(), result.end());
        return result;
    };
    EXPECT_EQ(ends(reader.seconds(3, {{kVideo, 2}, {kFile, 3}, {kPing, 1}})), (std::vector{kFile, kVideo}));
    EXPECT_EQ(ends(reader.seconds(3, {{kVideo, 2}, {kFile, 3}, {kPing, 2.5}})), (std::vector{kFile, kVideo}));
    EXPECT_EQ(ends(reader.seconds(3, {{kVideo, 2}, {kFile, 3}, {kPing, 3.5}})), (std::vector{kFile, kPing}));
    EXPECT_EQ(reader.watch.heaviest([](const auto& flow) { return flow.end == kVideo; }).size(), 1U);
}

TEST(FlowWatch, LittleIsLeftToTheDefault) {
    Reader reader{{.least_mbps = 0.5}};
    EXPECT_EQ(reader.seconds(5, {{kVideo, 0.4}, {kFile, 0.6}}).size(), 1U);
}

TEST(FlowWatch, MoreFlowsThanThereIsRoomForAllocateNothing) {
    FlowWatch watch{{}};
    std::vector<FlowCount> counts;
    for (std::uint64_t second = 0; second < 50; ++second) {
        counts.clear();
        for (std::uint32_t i = 0; i < 3000; ++i) {
            const std::uint32_t host = 0xc0000000 + static_cast<std::uint32_t>((second * 97 + i) % 4000);
            counts.push_back({{wire::Ipv4Address(host), 6, 80}, second * 100'000});
        }
        const std::size_t before = selection::allocations();
        watch.sample(static_cast<double>(second), counts);
        EXPECT_LE(watch.heaviest(all).size(), selection::kMaxFlows);
        ASSERT_EQ(selection::allocations(), before) << second;
    }
    EXPECT_EQ(watch.heaviest(all).size(), selection::kMaxFlows);
}

}  // namespace
}  // namespace homeward::choice
