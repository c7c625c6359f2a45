#include <algorithm>

#include "home_agent_reader.h"

namespace homeward::config {
namespace {

/// "a.b.c.d-e.f.g.h", or one address.
AddressRange read_range(const Value& value) {
    const std::string_view text = value.raw();
    const std::size_t dash = text.find('-');
    const auto first = wire::Ipv4Address::parse(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : wire::Ipv4Address::parse(text.substr(dash + 1));
    if (!first || !last || *last < *first) {
        value.expected("a range of addresses such as 192.0.2.10-192.0.2.99");
        return {};
    }
    return {*first, *last};
}

bool holds(const AddressRange& range, wire::Ipv4Address address) {
    return range.first <= address && address <= range.last;
}

void check_range(const Value& value, const AddressRange& range, const HomeNetwork& network, const HomeAgent& agent) {
    const wire::Ipv4Prefix& prefix = network.prefix;
    if (!prefix.contains(range.first) || !prefix.contains(range.last)) {
        value.fail("expected addresses of the home network " + prefix.to_string());
    }
    if (prefix.length < 31 && (range.first == prefix.first() || range.last == prefix.last())) {
        value.fail("the first and the last address of " + prefix.to_string() + " belong to no host");
    }
    for (const AddressRange& earlier : network.pool) {
        if (holds(earlier, range.first) || holds(range, earlier.first)) {
            value.fail("overlaps with " + earlier.first.to_string() + "-" + earlier.last.to_string());
        }
    }
    if (holds(range, agent.address)) {
        value.fail("holds home_agent.address " + agent.address.to_string());
    }
    for (const Port& port : agent.ports) {
        for (const std::string& written : port.addresses) {
            const auto address = wire::Ipv4Address::parse(std::string_view{written}.substr(0, written.find('/')));
            if (address && holds(range, *address)) {
                value.fail("holds " + address->to_string() + ", an address of port " + port.name);
            }
        }
    }
}

void check_prefix(const Value& value, const wire::Ipv4Prefix& prefix, const HomeAgent& agent) {
    if (prefix.length == 0 || !prefix.network.is_unicast()) {
        value.expected("a prefix of unicast addresses");
    }
    for (const HomeNetwork& earlier : agent.home_networks) {
        if (earlier.prefix.contains(prefix) || prefix.contains(earlier.prefix)) {
            value.fail("overlaps with the home network " + earlier.prefix.to_string());
        }
    }
}

std::string read_port_name(const Value& value, const HomeAgent& agent) {
    const std::string name = value.text(0);
    const bool known =
        std::any_of(agent.ports.begin(), agent.ports.end(), [&](const Port& port) { return port.name == name; });
    if (!known && !name.empty()) {
        std::string names;
        for (const Port& port : agent.ports) {
            names += (names.empty() ? "" : ", ") + port.name;
        }
        value.expected("a port (" + names + ")");
    }
    return name;
}

HomeNetwork read_home_network(const Value& value, const HomeAgent& agent) {
    const Map map{value, {"prefix", "port", "pool"}};
    HomeNetwork network;
    if (const auto prefix = map.require("prefix")) {
        network.prefix = prefix->prefix();
        check_prefix(*prefix, network.prefix, agent);
    }
    if (const auto port = map.find("port")) {
        network.port = read_port_name(*port, agent);
    }
    if (const auto pool = map.find("pool")) {
        for (std::size_t i = 0; i < pool->items(); ++i) {
            const Value item = pool->item(i);
            const AddressRange range = read_range(item);
            check_range(item, range, network, agent);
            network.pool.push_back(range);
        }
    }
    return network;
}

}  // namespace

void read_home_networks(const Value& value, HomeAgent& out) {
    if (value.is_sequence() && value.items() == 0) {
        value.fail("expected at least one home network");
    }
    for (std::size_t i = 0; i < value.items(); ++i) {
        out.home_networks.push_back(read_home_network(value.item(i), out));
    }
}

}  // namespace homeward::config
