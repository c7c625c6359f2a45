#include "worker/plan.h"

#include <gtest/gtest.h>

#include <map>

namespace homeward::worker {
namespace {

struct Row {
    unsigned workers;
    std::vector<PortQueues> devices;
    std::vector<std::vector<RxQueue>> rx;  ///< by worker
    std::string shortage;                  ///< without redistribution
};

const Row kRows[] = {
    {1, {{"a", 1, 1}, {"b", 1, 1}}, {{{0, 0}, {1, 0}}}, ""},
    {2, {{"a", 2, 2}, {"b", 2, 2}}, {{{0, 0}, {1, 0}}, {{0, 1}, {1, 1}}}, ""},
    {2,
     {{"a", 1, 1}, {"b", 1, 1}},
     {{{0, 0}}, {{1, 0}}},
     "2 workers, but fewer receive queues on a (1), b (1): queues are dealt out in turn"},
    {3,
     {{"a", 1, 1}, {"b", 1, 1}},
     {{{0, 0}}, {{1, 0}}, {}},
     "3 workers, but fewer receive queues on a (1), b (1): queues are dealt out in turn, 1 worker without work"},
    {4,
     {{"a", 1, 4}},
     {{{0, 0}}, {}, {}, {}},
     "4 workers, but fewer receive queues on a (1): queues are dealt out in turn, 3 workers without work"},
    {4,
     {{"a", 4, 4}, {"b", 2, 1}, {"c", 1, 1}},
     {{{0, 0}, {1, 0}}, {{0, 1}, {1, 1}}, {{0, 2}, {2, 0}}, {{0, 3}}},
     "4 workers, but fewer receive queues on b (2), c (1): queues are dealt out in turn"},
};

TEST(Plan, DealsOutReceiveQueues) {
    for (const Row& row : kRows) {
        const auto plans = plan_workers(row.workers, row.devices);
        ASSERT_EQ(plans.size(), row.workers);
        for (unsigned worker = 0; worker < row.workers; ++worker) {
            EXPECT_EQ(plans[worker].rx, row.rx[worker]) << row.shortage << " worker " << worker;
        }
        EXPECT_EQ(describe_shortage(row.workers, row.devices, Redistribute::never), row.shortage);
    }
}

/// Whatever the numbers: each queue and ring has one worker, and who empties a hand-over ring can send.
TEST(Plan, NothingIsServedTwiceOrLost) {
    for (unsigned workers = 1; workers <= 5; ++workers) {
        for (std::uint16_t rx = 1; rx <= workers; ++rx) {
            for (std::uint16_t tx = 1; tx <= workers; ++tx) {
                const std::vector<PortQueues> devices{{"a", rx, tx}, {"b", tx, rx}, {"c", 1, 1}};
                std::map<std::pair<unsigned, unsigned>, int> receivers, senders;
                std::map<unsigned, int> homes;
                for (const Plan& plan : plan_workers(workers, devices)) {
                    ASSERT_EQ(plan.tx.size(), devices.size());
                    for (const RxQueue& queue : plan.rx) {
                        ++receivers[{queue.device, queue.queue}];
                    }
                    for (unsigned device = 0; device < devices.size(); ++device) {
                        if (plan.tx[device]) {
                            ++senders[{device, *plan.tx[device]}];
                        }
                    }
                    for (const std::uint16_t device : plan.home_devices) {
                        ++homes[device];
                        EXPECT_TRUE(plan.tx[device]);
                    }
                }
                for (unsigned device = 0; device < devices.size(); ++device) {
                    EXPECT_EQ(homes[device], 1);
                    for (unsigned queue = 0; queue < devices[device].rx; ++queue) {
                        EXPECT_EQ((receivers[{device, queue}]), 1);
                    }
                    for (unsigned queue = 0; queue < devices[device].tx; ++queue) {
                        EXPECT_EQ((senders[{device, queue}]), 1);
                    }
                }
            }
        }
    }
}

TEST(Plan, RedistributesWhatTheDeviceDoesNotSpread) {
    const std::vector<PortQueues> devices{{"a", 4, 4}, {"b", 2, 1}, {"c", 1, 1}};
    struct {
        unsigned workers;
        Redistribute wanted;
        std::vector<bool> devices;
        std::string says;
    } const rows[] = {
        {1, Redistribute::automatic, {false, false, false}, ""},
        {1, Redistribute::always, {false, false, false}, ""},
        {4,
         Redistribute::automatic,
         {false, true, true},
         "4 workers, but fewer receive queues on b (2), c (1): they pass packets on to each other by address"},
        {4,
         Redistribute::always,
         {true, true, true},
         "4 workers pass the packets of every port on to each other by address"},
        {4,
         Redistribute::never,
         {false, false, false},
         "4 workers, but fewer receive queues on b (2), c (1): queues are dealt out in turn"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(plan_redistribution(row.workers, devices, row.wanted), row.devices) << row.says;
        EXPECT_EQ(describe_shortage(row.workers, devices, row.wanted), row.says);
    }
}

}  // namespace
}  // namespace homeward::worker
