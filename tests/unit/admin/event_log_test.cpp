#include "admin/event_log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

namespace homeward::admin {
namespace {

using nlohmann::json;

TEST(EventLog, GivesEverySubscriberEveryLine) {
    EventLog log;
    log.push("early", "nobody listens yet");
    int woken = 0;
    const auto first = log.subscribe([&woken] { ++woken; });
    const auto second = log.subscribe([] {});
    log.push("uplink-down", "wlan lost its carrier", json{{"uplink", "wlan"}});
    log.push("uplink-up", "wlan is back");

    for (const auto& subscription : {first, second}) {
        const Subscription::Batch batch = subscription->take();
        ASSERT_EQ(batch.lines.size(), 2U);
        EXPECT_FALSE(batch.overrun);
        EXPECT_TRUE(batch.lines[0].ends_with("}\n"));
        const json line = json::parse(batch.lines[0]);
        EXPECT_EQ(line["event"], "uplink-down");
        EXPECT_EQ(line["text"], "wlan lost its carrier");
        EXPECT_EQ(line["uplink"], "wlan");
        EXPECT_GT(line["time_unix"].get<double>(), 1.6e9);
        EXPECT_EQ(json::parse(batch.lines[1])["event"], "uplink-up");
    }
    EXPECT_EQ(woken, 1) << "woken once for a queue that was not taken yet";
    EXPECT_TRUE(first->take().lines.empty());
    log.push("again", "and again");
    EXPECT_EQ(woken, 2);
}

TEST(EventLog, DropsTheSlowReaderOnly) {
    EventLog log(2);
    const auto slow = log.subscribe([] {});
    const auto quick = log.subscribe([] {});
    for (int i = 0; i < 5; ++i) {
        log.push("tick", std::to_string(i));
        EXPECT_EQ(quick->take().lines.size(), 1U);
    }
    const Subscription::Batch batch = slow->take();
    EXPECT_EQ(batch.lines.size(), 2U);
    EXPECT_TRUE(batch.overrun);
    log.push("tick", "later");
    EXPECT_TRUE(slow->take().lines.empty()) << "a reader that missed something gets nothing that looks complete";
}

TEST(EventLog, TextThatIsNotUtf8DoesNotFail) {
    EventLog log;
    const auto subscription = log.subscribe([] {});
    log.push("odd",
             "a\xff"
             "b");
    EXPECT_EQ(json::parse(subscription->take().lines.at(0))["event"], "odd");
}

TEST(EventLog, ManyThreadsPushAndSubscribe) {
    constexpr int kEvents = 500;
    EventLog log(4 * kEvents);
    const auto subscription = log.subscribe([] {});
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&log] {
            for (int i = 0; i < kEvents; ++i) {
                const auto passing = log.subscribe([] {});
                log.push("tick", "x");
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(subscription->take().lines.size(), 4U * kEvents);
}

}  // namespace
}  // namespace homeward::admin
