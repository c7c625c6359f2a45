#include "numbering/seen.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace homeward::numbering {
namespace {

constexpr unsigned kPlaces = 1024;

struct Arrival {
    std::uint16_t number;
    std::uint64_t at_ms = 0;
    bool first = true;
};
struct Row {
    const char* name;
    std::vector<Arrival> arrivals;
};
void PrintTo(const Row& row, std::ostream* out) {
    *out << row.name;
}
class SeenRows : public testing::TestWithParam<Row> {};

TEST_P(SeenRows, Row) {
    Seen seen{kPlaces};
    for (std::size_t i = 0; i < GetParam().arrivals.size(); ++i) {
        const Arrival& arrival = GetParam().arrivals[i];
        EXPECT_EQ(seen.first(arrival.number, arrival.at_ms), arrival.first) << i << ": " << arrival.number;
    }
}

constexpr std::uint64_t kAge = Seen::kMemoryMs;

const Row kRows[] = {
    {"in_order", {{1}, {2}, {3}}},
    {"a_copy", {{1}, {1, 0, false}, {2}, {1, 5, false}}},
    {"copies_overtaken_by_others", {{7}, {9}, {8}, {7, 3, false}, {8, 3, false}, {9, 3, false}}},
    {"the_last_and_the_first_number", {{65535}, {1}, {65535, 1, false}, {1, 1, false}}},
    {"the_same_place_another_number", {{5}, {5 + kPlaces}, {5 + kPlaces, 1, false}}},
    {"a_copy_so_late_that_its_place_is_taken_passes", {{5}, {5 + kPlaces}, {5}}},
    {"a_sender_that_began_anew_after_a_while", {{5, 1000}, {5, 1000 + kAge + 64}, {5, 1001 + kAge + 64, false}}},
    {"just_before_that", {{5, 1000}, {5, 1000 + kAge - 64, false}}},
    {"a_clock_that_another_thread_read_earlier", {{5, 1024}, {5, 1023, false}}},
    {"the_clocks_own_end", {{5, 65535 * 32}, {5, 65536 * 32, false}}},
    {"at_the_clocks_zero", {{1024, 0}, {1024, 0, false}}},
};
INSTANTIATE_TEST_SUITE_P(Seen, SeenRows, testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(Seen, NumbersThatComeRoundAreNew) {
    Seen seen{kPlaces};
    Counter counter;
    counter.start(65000);
    for (unsigned i = 0; i < 3 * 65536; ++i) {
        const std::uint16_t number = counter.next();
        ASSERT_NE(number, Seen::kUnnumbered);
        ASSERT_TRUE(seen.first(number, i / 1000)) << i;
        ASSERT_FALSE(seen.first(number, i / 1000)) << i;
        ASSERT_TRUE(seen.holds(number, i / 1000));
    }
}

TEST(Seen, WhatIsClearedIsUnknown) {
    Seen seen{kPlaces};
    EXPECT_TRUE(seen.first(3, 10));
    seen.clear();
    EXPECT_FALSE(seen.holds(3, 10));
    EXPECT_TRUE(seen.first(3, 10));
}

TEST(Seen, OfCopiesInSeveralThreadsExactlyOneIsFirst) {
    constexpr unsigned kNumbers = 60'000, kThreads = 4, kAbreast = kPlaces / 4;
    Seen seen{kPlaces};
    std::vector<std::atomic<int>> firsts(kNumbers);
    std::array<std::atomic<unsigned>, kThreads> at{};
    const auto play = [&](unsigned self) {
        for (unsigned i = 0; i < kNumbers; ++i) {
            at[self].store(i);
            // Further apart than there are places, copies are not known as such.
            for (const std::atomic<unsigned>& other : at) {
                while (i > other.load() + kAbreast) {
                    std::this_thread::yield();
                }
            }
            firsts[i] += seen.first(static_cast<std::uint16_t>(i + 1), 0) ? 1 : 0;
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i) {
        threads.emplace_back(play, i);
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (unsigned i = 0; i < kNumbers; ++i) {
        ASSERT_EQ(firsts[i], 1) << i;
    }
}

}  // namespace
}  // namespace homeward::numbering
