#include <algorithm>
#include <map>

#include "association.h"
#include "home_agent_reader.h"
#include "names.h"
#include "policy_reader.h"

namespace homeward::config {
namespace {

/// What the nodes of one file have between them.
struct NodesRead {
    Once nais{"the NAI"};
    Once addresses{"the home address"};
    std::map<std::string, PolicyFile> policies;  ///< by the name written: many nodes name the same file
};

void check_home_address(const Value& value, wire::Ipv4Address address, const HomeAgent& agent) {
    const auto network = std::find_if(agent.home_networks.begin(), agent.home_networks.end(),
                                      [&](const HomeNetwork& each) { return each.prefix.contains(address); });
    if (network == agent.home_networks.end()) {
        value.expected("an address of a home network");
        return;
    }
    for (const AddressRange& range : network->pool) {
        if (range.first <= address && address <= range.last) {
            value.fail("lies in the pool " + range.first.to_string() + "-" + range.last.to_string());
        }
    }
    if (address == agent.address) {
        value.fail("is home_agent.address");
    }
    for (const Port& port : agent.ports) {
        for (const std::string& written : port.addresses) {
            if (written.substr(0, written.find('/')) == address.to_string()) {
                value.fail("is an address of port " + port.name);
            }
        }
    }
}

void read_identity(const Map& map, const HomeAgent& agent, NodesRead& read, Node& node) {
    if (const auto nai = map.find("nai")) {
        node.nai = read_nai(*nai);
        read.nais.add(*nai, node.nai);
    }
    if (const auto address = map.find("home_address")) {
        node.home_address = address->address();
        check_home_address(*address, *node.home_address, agent);
        read.addresses.add(*address, node.home_address->to_string());
    } else if (node.nai.empty()) {
        map.value().fail("expected nai, home_address or both");
    } else if (std::all_of(agent.home_networks.begin(), agent.home_networks.end(),
                           [](const HomeNetwork& each) { return each.pool.empty(); })) {
        map.value().fail("a node without home_address needs a home network with a pool");
    }
}

std::vector<SecurityAssociation> read_associations(const Value& value, std::vector<std::string>& warnings) {
    std::vector<SecurityAssociation> associations;
    Once spis{"the SPI"};
    if (value.is_sequence() && value.items() == 0) {
        value.fail("expected at least one association");
    }
    for (std::size_t i = 0; i < value.items(); ++i) {
        const Value item = value.item(i);
        associations.push_back(read_association(item, warnings));
        spis.add(item, std::to_string(associations.back().spi));
    }
    return associations;
}

PolicyFile read_shared_policy(const Value& value, const UplinkNames& uplinks, NodesRead& read) {
    if (!value.is_scalar()) {
        return read_policy_or_file(value, uplinks);
    }
    const auto [found, first] = read.policies.try_emplace(std::string{value.raw()});
    if (first) {
        found->second = read_policy_or_file(value, uplinks);
    }
    return found->second;
}

Node read_node(const Value& value, HomeAgent& agent, NodesRead& read) {
    const Map map{value, {"nai", "home_address", "associations", "policy", "max_bindings"}};
    Node node;
    read_identity(map, agent, read, node);
    if (const auto associations = map.require("associations")) {
        node.associations = read_associations(*associations, agent.warnings);
    }
    if (const auto policy = map.find("policy")) {
        node.policy = read_shared_policy(*policy, agent.uplinks, read);
    }
    if (const auto limit = map.find("max_bindings")) {
        node.max_bindings = limit->number<std::uint8_t>(1, policy::kMaxUplinks);
    }
    return node;
}

}  // namespace

void read_nodes(const Value& value, HomeAgent& out) {
    NodesRead read;
    for (std::size_t i = 0; i < value.items() && !value.report().failed(); ++i) {
        out.nodes.push_back(read_node(value.item(i), out, read));
    }
}

}  // namespace homeward::config
