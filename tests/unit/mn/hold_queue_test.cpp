#include "tunnel/hold_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace homeward::tunnel {
namespace {

constexpr std::uint8_t kWlan = 0, kCellular = 1;
constexpr HoldQueue::Time kStart = 10'000'000;

/// An IPv4 packet of a UDP flow; the flow is its source port.
std::vector<std::uint8_t> packet(std::uint16_t flow, std::uint16_t number) {
    std::vector<std::uint8_t> bytes(32);
    bytes[0] = 0x45;
    bytes[9] = 17;
    bytes[12] = 10;
    bytes[20] = static_cast<std::uint8_t>(flow >> 8U);
    bytes[21] = static_cast<std::uint8_t>(flow);
    bytes[30] = static_cast<std::uint8_t>(number >> 8U);
    bytes[31] = static_cast<std::uint8_t>(number);
    return bytes;
}

struct Arrival {
    std::uint8_t slot;
    std::uint16_t number;
    unsigned at_ms;
    std::uint16_t flow = 1;
};
constexpr std::uint16_t kTwice = 9;  ///< a flow that comes by both paths
struct Row {
    const char* name;
    std::vector<Arrival> arrivals;
    const char* order;  ///< numbers in the order in which the kernel gets them
    unsigned wlan_ms = 10, cellular_ms = 80;
};
void PrintTo(const Row& row, std::ostream* out) {
    *out << row.name;
}

class Receiver {
  public:
    Receiver(unsigned wlan_ms, unsigned cellular_ms) {
        round_trips[kWlan] = wlan_ms * 1000;
        round_trips[kCellular] = cellular_ms * 1000;
    }
    void arrive(const Arrival& arrival) {
        wait_until(kStart + arrival.at_ms * HoldQueue::Time{1000});
        std::vector<std::uint8_t> bytes = packet(arrival.flow, arrival.number);
        if (!seen.first(arrival.number, now / 1000)) {
            queue.advance(arrival.slot, arrival.number, now);
        } else if (arrival.flow == kTwice) {
            queue.advance(arrival.slot, arrival.number, now);
            pass(bytes);
        } else if (!queue.take(bytes, arrival.slot, arrival.number, now)) {
            pass(bytes);
        }
        release();
    }
    void wait_until(HoldQueue::Time time) {
        for (auto due = queue.deadline(); due && *due <= time; due = queue.deadline()) {
            now = std::max(now, *due);
            const std::size_t before = order.size();
            release();
            ASSERT_NE(order.size(), before) << "a deadline that releases nothing";
        }
        now = time;
    }

    numbering::Seen seen{32768};
    HoldQueue::RoundTrips round_trips{};
    HoldQueue queue{seen, round_trips};
    HoldQueue::Time now = kStart;
    std::string order;

  private:
    void release() {
        for (Packet held = queue.release(now); !held.empty(); held = queue.release(now)) {
            pass(held);
        }
    }
    void pass(std::span<const std::uint8_t> bytes) {
        order += (order.empty() ? "" : " ") + std::to_string(bytes[30] << 8U | bytes[31]);
    }
};

class HoldRows : public testing::TestWithParam<Row> {};
TEST_P(HoldRows, Row) {
    Receiver receiver{GetParam().wlan_ms, GetParam().cellular_ms};
    for (const Arrival& arrival : GetParam().arrivals) {
        receiver.arrive(arrival);
    }
    receiver.wait_until(receiver.now + 1'000'000);
    EXPECT_EQ(receiver.order, GetParam().order);
    EXPECT_TRUE(receiver.queue.empty());
}

const Row kRows[] = {
    {"one_path", {{kWlan, 1, 0}, {kWlan, 2, 2}, {kWlan, 4, 4}, {kWlan, 5, 6}}, "1 2 4 5"},
    {"to_the_shorter_path",
     {{kCellular, 1, 0},
      {kCellular, 2, 2},
      {kWlan, 5, 3},
      {kCellular, 3, 4},
      {kWlan, 6, 5},
      {kCellular, 4, 6},
      {kWlan, 7, 7}},
     "1 2 3 4 5 6 7"},
    {"to_the_longer_path_nothing_waits",
     {{kWlan, 1, 0}, {kCellular, 3, 2}, {kWlan, 2, 3}, {kCellular, 4, 5}},
     "1 3 2 4"},
    {"equal_paths", {{kCellular, 1, 0}, {kWlan, 3, 2}, {kCellular, 2, 3}}, "1 3 2", 20, 20},
    {"unknown_paths", {{kCellular, 1, 0}, {kWlan, 3, 2}, {kCellular, 2, 3}}, "1 3 2", 0, 0},
    {"the_last_of_the_old_path_is_lost",
     {{kCellular, 1, 0}, {kWlan, 3, 10}, {kWlan, 4, 30}, {kWlan, 5, 79}, {kWlan, 6, 81}},
     "1 3 4 5 6"},
    {"another_flow_that_did_not_move_passes",
     {{kCellular, 1, 0}, {kWlan, 2, 1, 2}, {kWlan, 4, 2}, {kWlan, 5, 3, 2}, {kCellular, 3, 6}},
     "1 2 5 3 4"},
    {"two_flows_move",
     {{kCellular, 1, 0, 1},
      {kCellular, 2, 1, 2},
      {kWlan, 5, 2, 1},
      {kWlan, 6, 3, 2},
      {kCellular, 3, 4, 1},
      {kCellular, 4, 5, 2}},
     "1 2 3 4 5 6"},
    {"numbers_that_wrap",
     {{kCellular, 65534, 0}, {kWlan, 2, 2}, {kCellular, 65535, 3}, {kWlan, 3, 4}, {kCellular, 1, 5}},
     "65534 65535 1 2 3"},
    {"a_loss_of_long_ago_is_not_waited_for",
     {{kCellular, 1, 0},
      {kWlan, 3, 10, 2},
      {kWlan, 4, 300, 2},
      {kWlan, 5, 600, 2},
      {kWlan, 6, 900, 2},
      {kWlan, 7, 910},
      {kWlan, 8, 911, 2}},
     "1 3 4 5 6 7 8"},
    {"there_and_back",
     {{kCellular, 1, 0}, {kWlan, 3, 2}, {kCellular, 2, 4}, {kCellular, 4, 50}, {kWlan, 6, 52}, {kCellular, 5, 55}},
     "1 2 3 4 5 6"},
    // Of a flow that comes twice the first copies pass at once, whichever path they come by, and the second ones not.
    {"twice_with_a_loss",
     {{kWlan, 1, 0, kTwice},
      {kWlan, 3, 10, kTwice},  // 2 was lost here, 4 too
      {kCellular, 1, 35, kTwice},
      {kWlan, 5, 36, kTwice},
      {kCellular, 2, 40, kTwice},
      {kWlan, 6, 41, kTwice},
      {kCellular, 3, 45, kTwice},
      {kCellular, 4, 50, kTwice},
      {kCellular, 5, 71, kTwice},
      {kCellular, 6, 76, kTwice}},
     "1 3 5 2 6 4"},
    // What another flow that moved waits for: that its number came by either path.
    {"beside_twice_a_moved_flow_waits_for_what_is_missing",
     {{kCellular, 1, 0},
      {kWlan, 4, 4, kTwice},
      {kWlan, 5, 5},  // 2 by the old path, 3 of the other flow by both, lost by wlan
      {kCellular, 2, 6},
      {kCellular, 3, 7, kTwice},
      {kCellular, 4, 39, kTwice},
      {kWlan, 6, 40}},
     "1 4 2 3 5 6"},
    // A copy by the old path tells that nothing before it is under way there any more.
    {"a_copy_ends_the_wait",
     {{kCellular, 1, 0}, {kWlan, 4, 2, kTwice}, {kWlan, 5, 3}, {kCellular, 4, 10, kTwice}, {kWlan, 6, 12}},
     "1 4 5 6"},
    {"after_a_pause", {{kCellular, 1, 0}, {kWlan, 9, 5000}, {kWlan, 10, 5001}}, "1 9 10"},
};
INSTANTIATE_TEST_SUITE_P(Hold, HoldRows, testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(Hold, WaitsNoLongerThanTheRoundTripsDiffer) {
    Receiver receiver{10, 80};
    receiver.arrive({kCellular, 1, 0});
    receiver.arrive({kWlan, 3, 10});
    ASSERT_TRUE(receiver.queue.deadline());
    EXPECT_EQ(*receiver.queue.deadline(), kStart + 10'000 + 70'000);
    receiver.arrive({kWlan, 4, 40});
    EXPECT_EQ(*receiver.queue.deadline(), kStart + 10'000 + 70'000);
}

TEST(Hold, WhatDoesNotFitPasses) {
    Receiver receiver{10, 80};
    receiver.arrive({kCellular, 1, 0});
    for (unsigned i = 0; i < HoldQueue::kMost; ++i) {
        receiver.arrive({kWlan, static_cast<std::uint16_t>(3 + i), 1});
    }
    EXPECT_EQ(receiver.order, "1");
    receiver.arrive({kWlan, 3 + HoldQueue::kMost, 2});
    EXPECT_EQ(receiver.order, "1 " + std::to_string(3 + HoldQueue::kMost));
}

}  // namespace
}  // namespace homeward::tunnel
