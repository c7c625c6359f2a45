#include "population.h"

#include <stdexcept>

namespace bench {
namespace {

constexpr std::uint32_t kFirstPolicy = 1;

wire::Ipv4Prefix prefix(const char* text) {
    return *wire::Ipv4Prefix::parse(text);
}

void must(const Status& done) {
    if (!done) {
        throw std::runtime_error{done.error().text};
    }
}

}  // namespace

ipc::Binding Population::binding(std::uint32_t node, std::uint32_t policy) const noexcept {
    ipc::Binding record{.home_address = home_address(node), .policy = policy, .uplink_count = 2};
    record.uplinks[0] = {care_of(node, false), kWlanPort, 1, 1, ipc::kUplinkUp, 0, 0};
    record.uplinks[1] = {care_of(node, true), kCellularPort, 2, 2, ipc::kUplinkUp, 0, 0};
    return record;
}

policy::Policy Population::policy() const {
    policy::Policy made;
    made.fallback = {1, 2};
    for (std::uint32_t rule = 0; rule < rules_; ++rule) {
        policy::LabelList order{1, 2};
        if (rule % 2 == 1) {
            order = {2, 1};
        }
        made.rules.push_back(
            {.correspondent = wire::Ipv4Prefix::of(wire::Ipv4Address{correspondent(rule)}, 32), .uplinks = order});
    }
    return made;
}

wire::Ipv4Prefix Population::home_network(std::uint32_t number) const noexcept {
    return wire::Ipv4Prefix::of(wire::Ipv4Address{0x0a000000 | number << 22}, 12);
}

void populate(tables::Tables& tables, const Population& population, bool checksum_offload) {
    using enum tables::RouteKind;
    for (const std::uint16_t port : {kAccess, kHome}) {
        tables.set_port(port, {.name = port == kAccess ? "access" : "home",
                               .mac = {2, 0, 0, 0, 0, static_cast<std::uint8_t>(port)},
                               .tx_checksum_offload = checksum_offload,
                               .present = true});
        tables.neighbours().put(port, wire::Ipv4Address{port == kAccess ? kAccessGateway : kHomeGateway}, kGatewayMac,
                                tables::NeighbourState::reachable);
    }
    tables.set_settings({.home_agent = kHomeAgent, .tunnel_port = kTunnelPort});
    tables.routes().put(prefix("0.0.0.0/0"), {unicast, kAccess, wire::Ipv4Address{kAccessGateway}});
    tables.routes().put(prefix("128.0.0.0/3"), {unicast, kHome, wire::Ipv4Address{kHomeGateway}});
    tables.routes().put(prefix("192.168.0.1/32"), {local, kAccess});
    for (std::uint32_t number = 0; number < Population::kNetworks; ++number) {
        must(tables.put_home_network(population.home_network(number), kHome));
    }
    for (std::uint32_t number = 0; number < population.policies(); ++number) {
        auto table = policy::Table::compile(population.policy());
        if (!table) {
            throw std::runtime_error{table.error().text};
        }
        tables.put_policy(kFirstPolicy + number, std::move(*table));
    }
    for (std::uint32_t node = 0; node < population.nodes(); ++node) {
        const std::uint32_t turn = node / Population::kNetworks % population.policies();
        must(tables.put_binding(population.binding(node, kFirstPolicy + turn)));
    }
}

}  // namespace bench
