#include "worker/plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace homeward::worker {

std::vector<Plan> plan_workers(unsigned workers, std::span<const PortQueues> devices) {
    std::vector<Plan> plans(workers);
    for (Plan& plan : plans) {
        plan.tx.resize(devices.size());
    }
    unsigned next = 0;
    for (std::uint16_t id = 0; id < devices.size(); ++id) {
        const bool scarce = devices[id].rx < workers;
        const unsigned home = scarce ? next : 0;
        next = (next + (scarce ? devices[id].rx : 0U)) % workers;
        plans[home].home_devices.push_back(id);
        for (std::uint16_t queue = 0; queue < devices[id].rx; ++queue) {
            plans[(home + queue) % workers].rx.push_back({id, queue});
        }
        for (std::uint16_t queue = 0; queue < std::min<unsigned>(devices[id].tx, workers); ++queue) {
            plans[(home + queue) % workers].tx[id] = queue;
        }
    }
    return plans;
}

std::vector<bool> plan_redistribution(unsigned workers, std::span<const PortQueues> devices, Redistribute wanted) {
    std::vector<bool> redistributed;
    for (const PortQueues& device : devices) {
        const bool needed = wanted == Redistribute::always || device.rx < workers;
        redistributed.push_back(workers > 1 && wanted != Redistribute::never && needed);
    }
    return redistributed;
}

std::string describe_shortage(unsigned workers, std::span<const PortQueues> devices, Redistribute wanted) {
    std::string scarce;
    for (const PortQueues& device : devices) {
        if (device.rx < workers) {
            scarce += fmt::format("{}{} ({})", scarce.empty() ? "" : ", ", device.name, device.rx);
        }
    }
    if (wanted == Redistribute::always && workers > 1) {
        return fmt::format("{} workers pass the packets of every port on to each other by address", workers);
    }
    if (scarce.empty()) {
        return {};
    }
    const std::string shortage = fmt::format("{} workers, but fewer receive queues on {}: ", workers, scarce);
    if (wanted == Redistribute::automatic) {
        return shortage + "they pass packets on to each other by address";
    }
    const auto plans = plan_workers(workers, devices);
    const auto unused = std::count_if(plans.begin(), plans.end(), [](const Plan& plan) { return plan.idle(); });
    return shortage + "queues are dealt out in turn" +
           (unused == 0 ? "" : fmt::format(", {} worker{} without work", unused, unused == 1 ? "" : "s"));
}

}  // namespace homeward::worker
