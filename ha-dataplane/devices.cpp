#include "devices.h"

#include <fmt/format.h>

#include <algorithm>

#include "pipeline/resend.h"
#include "worker/redistribution.h"

namespace homeward {

std::vector<ports::PortOptions> devices_of(const config::HomeAgent& config) {
    std::vector<ports::PortOptions> devices;
    for (const config::Port& port : config.ports) {
        auto device = std::find_if(devices.begin(), devices.end(),
                                   [&](const ports::PortOptions& held) { return held.device == port.device; });
        if (device == devices.end()) {
            device = devices.insert(devices.end(),
                                    {.name = port.name, .device = port.device, .mtu = port.mtu, .untagged = false});
        } else {
            device->name += "+" + port.name;
            device->mtu = std::max(device->mtu, port.mtu);
        }
        if (port.vlan != 0) {
            device->vlans.push_back(port.vlan);
        }
        device->untagged = device->untagged || port.vlan == 0;
        if (std::any_of(config.home_networks.begin(), config.home_networks.end(),
                        [&](const config::HomeNetwork& network) { return network.port == port.name; })) {
            device->spread = ports::Spread::addresses;
        }
    }
    return devices;
}

ports::PoolNeeds pool_needs(const config::HomeAgent& config) {
    ports::PoolNeeds needs{.ports = 0,
                           .workers = config.dataplane.workers,
                           .largest_mtu = 0,
                           .reassembly_mb = config.dataplane.reassembly_memory_mb};
    for (const ports::PortOptions& device : devices_of(config)) {
        ++needs.ports;
        needs.largest_mtu = std::max(needs.largest_mtu, device.mtu);
    }
    if (needs.workers > 1 && config.dataplane.redistribution != config::Redistribution::never) {
        needs.between_workers = worker::Redistribution::kPerWorker;
    }
    needs.resend = config.dataplane.resend_ms != 0 ? pipeline::Resend::kBuffers : 0;
    return needs;
}

std::string describe(const ports::Port& port) {
    const std::string queues = fmt::format("port {}: {}, {} rx and {} tx queues", port.name(), port.device(),
                                           port.rx_queues(), port.tx_queues());
    return fmt::format("{}{}{}, MTU {}", queues, port.spread().empty() ? "" : ", ", port.spread(), port.mtu());
}

}  // namespace homeward
