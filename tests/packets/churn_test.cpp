// Two workers under churn: while bindings, policies and everything else change, every packet leaves by an uplink of its
// own node that is in force, in the order of its flow, or ends under a name; and the counts add up.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>

#include "churn.h"
#include "fleet.h"
#include "machine.h"
#include "traffic.h"

namespace rig {
namespace {

using homeward::stats::Drop;
using homeward::stats::Event;

constexpr std::uint32_t kNodes = 512;
#ifdef __SANITIZE_THREAD__
constexpr std::uint64_t kPackets = 5'000, kInstalls = 2'000, kReplays = 1, kMostBatches = 1'000;
#else
constexpr std::uint64_t kPackets = 50'000, kInstalls = 8'000, kReplays = 2, kMostBatches = 5'000;
#endif

const Shape kShapes[] = {
    {.name = "a queue for each worker"},
    {.name = "one queue for both", .access_queues = 1, .home_queues = 1},
    {.name = "queues on the access side alone", .access_queues = 2, .home_queues = 1},
    {.name = "both sides on VLANs of one queue", .access_queues = 1, .one_device = true},
    {.name = "both sides on VLANs, a queue for each worker", .access_queues = 2, .one_device = true},
    {.name = "queues that are not trusted", .redistribute = worker::Redistribute::always},
    {.name = "a side for each worker",
     .access_queues = 1,
     .home_queues = 1,
     .redistribute = worker::Redistribute::never},
};

class Workers : public testing::TestWithParam<Shape> {
  protected:
    void SetUp() override {
        if (const std::string need = Machine::unmet_need(); !need.empty()) {
            GTEST_SKIP() << need;
        }
    }
};

void nothing_is_wrong(const Machine& machine, const Traffic& traffic) {
    const Traffic::Account account = traffic.account();
    EXPECT_EQ(traffic.unaccounted(), 0) << "sent " << account.sent << ", left " << account.left();
    EXPECT_EQ(account.wrong, 0U) << traffic.complaint();
    EXPECT_EQ(account.strange, 0U) << traffic.complaint();
    EXPECT_EQ(machine.count(Drop::stopping), 0U);
}

/// Both directions carried, both workers at work, everything changed often.
bool enough(const Machine& machine, const Traffic& traffic, const Churn& churn) {
    const Traffic::Account account = traffic.account();
    const Churn::Done& done = churn.done();
    const bool all_work = std::all_of(machine.workers().begin(), machine.workers().end(), [](const auto& worker) {
        return worker->counters().read(Event::wire_packets) >= kPackets;
    });
    return all_work && account.to_nodes >= kPackets && account.to_peers >= kPackets && done.installs >= kInstalls &&
           done.replays >= kReplays;
}

TEST_P(Workers, NothingIsLostOrTornWhileTablesChange) {
    Machine machine{GetParam()};
    Fleet fleet{kNodes};
    Churn churn{machine, fleet, {}};
    Traffic traffic{machine, fleet, {}};
    machine.launch();
    traffic.open();
    // Frames that vanish fill the window, and then nothing comes any more.
    while (!enough(machine, traffic, churn) && churn.done().batches < kMostBatches) {
        churn.batch();
    }
    traffic.close();
    machine.flush();
    nothing_is_wrong(machine, traffic);
    EXPECT_TRUE(enough(machine, traffic, churn));
    const Traffic::Account account = traffic.account();
    EXPECT_EQ(account.faithful_came, account.faithful_sent);
    EXPECT_GT(account.faithful_sent, kPackets / 2);
    EXPECT_GT(churn.done().removals, kInstalls / 100);
    EXPECT_GT(machine.count(Event::datagrams_reassembled), 0U);
    for (const Drop full : {Drop::redistribute_ring_full, Drop::port_tx_full, Drop::output_full}) {
        EXPECT_EQ(machine.count(full), 0U) << homeward::stats::name(full);
    }
    EXPECT_EQ(machine.take_down(), 0U) << "buffers that nobody gave back";
}

std::string name_of(const testing::TestParamInfo<Shape>& shape) {
    std::string name = shape.param.name;
    std::erase(name, ',');
    std::replace(name.begin(), name.end(), ' ', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Workers, testing::ValuesIn(kShapes), name_of);

class TwoWorkers : public Workers {};

/// The second worker does not run at first. What is its alone is lost, by name; the first one goes on.
TEST_P(TwoWorkers, AWorkerThatIsBehindLosesItsOwnByName) {
    Machine machine{GetParam()};
    Fleet fleet{kNodes};
    Churn churn{machine, fleet, {}};
    Traffic traffic{machine, fleet, {.window = 0, .fragments = false}};
    machine.launch(0);
    traffic.open();
    while (machine.count(Drop::redistribute_ring_full) < 10'000) {
        std::this_thread::yield();
    }
    EXPECT_GT(machine.workers()[0]->counters().read(Event::wire_packets), 1'000U);
    machine.launch(1);
    churn.batch();
    traffic.close();
    machine.flush();
    nothing_is_wrong(machine, traffic);
    EXPECT_EQ(machine.take_down(), 0U) << "buffers that nobody gave back";
}

INSTANTIATE_TEST_SUITE_P(Shapes, TwoWorkers, testing::Values(kShapes[1], kShapes[3]), name_of);

}  // namespace
}  // namespace rig
