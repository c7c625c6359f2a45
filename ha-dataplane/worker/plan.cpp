#include "worker/plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace homeward::worker {

std::vector<Plan> plan_workers(unsigned workers, std::span<const PortQueues> ports) {
    std::vector<Plan> plans(workers);
    for (Plan& plan : plans) {
        plan.tx.resize(ports.size());
    }
    unsigned next = 0;
    for (std::uint16_t id = 0; id < ports.size(); ++id) {
        const bool scarce = ports[id].rx < workers;
        const unsigned home = scarce ? next : 0;
        next = (next + (scarce ? ports[id].rx : 0U)) % workers;
        plans[home].home_ports.push_back(id);
        for (std::uint16_t queue = 0; queue < ports[id].rx; ++queue) {
            plans[(home + queue) % workers].rx.push_back({id, queue});
        }
        for (std::uint16_t queue = 0; queue < std::min<unsigned>(ports[id].tx, workers); ++queue) {
            plans[(home + queue) % workers].tx[id] = queue;
        }
    }
    return plans;
}

std::string describe_shortage(unsigned workers, std::span<const PortQueues> ports) {
    std::string scarce;
    for (const PortQueues& port : ports) {
        if (port.rx < workers) {
            scarce += fmt::format("{}{} ({})", scarce.empty() ? "" : ", ", port.name, port.rx);
        }
    }
    if (scarce.empty()) {
        return {};
    }
    const auto plans = plan_workers(workers, ports);
    const auto unused = std::count_if(plans.begin(), plans.end(), [](const Plan& plan) { return plan.idle(); });
    return fmt::format("{} workers, but fewer receive queues on {}: queues are dealt out in turn{}", workers, scarce,
                       unused == 0 ? "" : fmt::format(", {} worker{} without work", unused, unused == 1 ? "" : "s"));
}

}  // namespace homeward::worker
