#include "counter_list.h"

#include <fmt/format.h>
#include <rte_ethdev.h>

namespace homeward {
namespace {

template <class Kind, std::size_t kCount>
void add_sums(mailbox::CounterList& list, const char* group, const CounterSources& sources) {
    for (std::size_t i = 0; i < kCount; ++i) {
        const auto kind = static_cast<Kind>(i);
        std::uint64_t sum = sources.exception.counters().read(kind);
        for (const auto& worker : sources.workers) {
            sum += worker->counters().read(kind);
        }
        list.emplace_back(fmt::format("{}.{}", group, stats::name(kind)), sum);
    }
}

/// A VLAN's packets and bytes are those the workers carried for it; all else is known of the whole device only.
void take_vlan(rte_eth_stats& stats, std::uint16_t port, const CounterSources& sources) {
    const auto sum = [&](std::atomic<std::uint64_t> worker::VlanCounters::*number) {
        std::uint64_t total = 0;
        for (const auto& worker : sources.workers) {
            total += (worker->vlan(port).*number).load(std::memory_order_relaxed);
        }
        return total;
    };
    stats.ipackets = sum(&worker::VlanCounters::rx_packets);
    stats.ibytes = sum(&worker::VlanCounters::rx_bytes);
    stats.opackets = sum(&worker::VlanCounters::tx_packets);
    stats.obytes = sum(&worker::VlanCounters::tx_bytes);
}

void add_port(mailbox::CounterList& list, std::uint16_t port, const CounterSources& sources) {
    const worker::Place& place = sources.places[port];
    rte_eth_stats stats{};
    rte_eth_stats_get(sources.devices[place.device].id(), &stats);
    if (place.vlan != 0) {
        take_vlan(stats, port, sources);
    }
    const auto add = [&](const char* name, std::uint64_t value) {
        list.emplace_back(fmt::format("port.{}.{}", sources.ports[port].name, name), value);
    };
    add("rx_packets", stats.ipackets);
    add("rx_bytes", stats.ibytes);
    add("rx_missed", stats.imissed);
    add("rx_errors", stats.ierrors);
    add("rx_no_buffer", stats.rx_nombuf);
    add("tx_packets", stats.opackets);
    add("tx_bytes", stats.obytes);
    add("tx_errors", stats.oerrors);
}

void add_worker(mailbox::CounterList& list, const worker::Worker& worker) {
    const auto add = [&](const char* name, const std::atomic<std::uint64_t>& value) {
        list.emplace_back(fmt::format("worker.{}.{}", worker.number(), name), value.load(std::memory_order_relaxed));
    };
    add("rounds", worker.loop().rounds);
    add("busy_rounds", worker.loop().busy_rounds);
    add("packets", worker.loop().packets);
    add("naps", worker.loop().naps);
    add("passed_on", worker.loop().passed_on);
}

}  // namespace

mailbox::CounterList collect_counters(const CounterSources& sources) {
    mailbox::CounterList list;
    add_sums<stats::Drop, stats::kDrops>(list, "drop", sources);
    add_sums<stats::Event, stats::kEvents>(list, "pipeline", sources);
    for (std::uint16_t port = 0; port < sources.places.size(); ++port) {
        add_port(list, port, sources);
    }
    for (const auto& worker : sources.workers) {
        add_worker(list, *worker);
    }
    list.emplace_back("table.bindings", sources.tables.bindings());
    list.emplace_back("table.policies", sources.tables.policies());
    list.emplace_back("table.routes", sources.tables.routes().size());
    list.emplace_back("table.neighbours", sources.tables.neighbours().size());
    list.emplace_back("table.memory_bytes", sources.tables.memory_bytes());
    list.emplace_back("table.kernel_resyncs", sources.kernel.resynchronisations());
    return list;
}

}  // namespace homeward
