#include <fmt/format.h>

#include <stdexcept>

#include "contestant.h"

namespace bench {

HomeAgent::HomeAgent(tables::Tables& tables, exception::ExceptionPath& exception, rte_mempool* pool) {
    static int made = 0;
    const int number = made++;
    for (const std::uint16_t port : {kAccess, kHome}) {
        hand_over_.push_back(
            rte_ring_create(fmt::format("hand_over_{}_{}", number, port).c_str(), 1024, 0, RING_F_SC_DEQ));
    }
    requests_ = rte_ring_create_elem(fmt::format("requests_{}", number).c_str(), sizeof(pipeline::Request), 4096, 0,
                                     RING_F_SC_DEQ);
    if (hand_over_[kHome] == nullptr || requests_ == nullptr) {
        throw std::runtime_error{"no memory for rings"};
    }
    const worker::PortQueues queues[] = {{"access", 1, 1}, {"home", 1, 1}};
    worker_ = std::make_unique<worker::Worker>(0, worker::plan_workers(1, queues).front(),
                                               worker::Surroundings{.tables = &tables,
                                                                    .exception = &exception,
                                                                    .requests = requests_,
                                                                    .hand_over = hand_over_,
                                                                    .multi_segment = {true, true},
                                                                    .pool = pool,
                                                                    .may_sleep = false});
}

HomeAgent::~HomeAgent() {
    worker_.reset();
    for (rte_ring* ring : hand_over_) {
        rte_ring_free(ring);
    }
    rte_ring_free(requests_);
}

std::string HomeAgent::drops() const {
    std::string text;
    for (std::size_t i = 0; i < stats::kDrops; ++i) {
        const auto reason = static_cast<stats::Drop>(i);
        if (const std::uint64_t count = worker_->counters().read(reason); count != 0) {
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", stats::name(reason), count);
        }
    }
    return text;
}

}  // namespace bench
