#include "tables/neighbours.h"

#include <gtest/gtest.h>

namespace homeward::tables {
namespace {

using wire::Ipv4Address;

MacAddress mac(std::uint32_t number) {
    return {2,
            0,
            static_cast<std::uint8_t>(number >> 24),
            static_cast<std::uint8_t>(number >> 16),
            static_cast<std::uint8_t>(number >> 8),
            static_cast<std::uint8_t>(number)};
}

TEST(Neighbours, ByPortAndAddress) {
    Quiescence quiescence{1};
    Neighbours neighbours{quiescence};
    neighbours.put(1, Ipv4Address{5}, mac(5), NeighbourState::reachable);
    neighbours.put(2, Ipv4Address{5}, mac(6), NeighbourState::stale);
    EXPECT_EQ(neighbours.lookup(1, Ipv4Address{5}).mac(), mac(5));
    EXPECT_EQ(neighbours.lookup(2, Ipv4Address{5}).mac(), mac(6));
    EXPECT_EQ(neighbours.lookup(2, Ipv4Address{5}).state(), NeighbourState::stale);
    EXPECT_FALSE(neighbours.lookup(3, Ipv4Address{5}).usable());
    neighbours.put(1, Ipv4Address{5}, mac(7), NeighbourState::failed);
    EXPECT_FALSE(neighbours.lookup(1, Ipv4Address{5}).usable());
    EXPECT_EQ(neighbours.size(), 2U);
}

TEST(Neighbours, GrowsAndForgets) {
    Quiescence quiescence{1};
    Neighbours neighbours{quiescence};
    for (std::uint32_t round = 0; round < 3; ++round) {
        for (std::uint32_t i = 0; i < 5000; ++i) {
            neighbours.put(0, Ipv4Address{i}, mac(i + round), NeighbourState::reachable);
        }
        for (std::uint32_t i = 0; i < 5000; ++i) {
            ASSERT_EQ(neighbours.lookup(0, Ipv4Address{i}).mac(), mac(i + round));
        }
        for (std::uint32_t i = 0; i < 5000; i += 2) {
            neighbours.remove(0, Ipv4Address{i});
        }
        ASSERT_EQ(neighbours.size(), 2500U);
        ASSERT_EQ(neighbours.lookup(0, Ipv4Address{4}).state(), NeighbourState::absent);
        ASSERT_EQ(neighbours.lookup(0, Ipv4Address{5}).mac(), mac(5 + round));
    }
    EXPECT_GT(quiescence.pending(), 0U);
    quiescence.reclaim();  // no worker is online: nothing to wait for
    EXPECT_EQ(quiescence.pending(), 0U);
}

TEST(Quiescence, WaitsForEveryWorkerThatIsOnline) {
    Quiescence quiescence{2};
    quiescence.online(0);
    quiescence.online(1);
    bool freed = false;
    quiescence.retire([&] { freed = true; });
    quiescence.reclaim();
    EXPECT_FALSE(freed);
    quiescence.quiescent(0);
    quiescence.reclaim();
    EXPECT_FALSE(freed);
    quiescence.offline(1);
    quiescence.reclaim();
    EXPECT_TRUE(freed);
    quiescence.offline(0);
}

}  // namespace
}  // namespace homeward::tables
