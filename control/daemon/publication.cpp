#include "publication.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "twins.h"

namespace homeward::daemon {
namespace {

using registration::NodeBindings;
using registration::PolicyRef;
using registration::PolicySource;

/// A plain registration has no label that a rule could name; its one binding carries everything.
bool steers(const NodeBindings& state, const PolicyRef& policy) {
    return policy && !state.bindings.empty() && state.bindings.front().binding_id != 0;
}

ipc::Binding record_of(wire::Ipv4Address home_address, const NodeBindings& state, std::uint32_t policy,
                       bool names_binding_ids) {
    ipc::Binding record;
    record.home_address = home_address.host();
    record.policy = policy;
    if (policy != 0 && names_binding_ids) {
        record.flags = ipc::kPolicyNamesBindingIds;
    }
    if (state.numbering) {
        record.flags |= ipc::kNumbered;
        if (state.numbering->everything) {
            record.flags |= ipc::kNumberEverything;
        }
        record.run = state.numbering->run;
    }
    for (const registration::Binding& binding : state.bindings) {
        if (record.uplink_count == ipc::kMaxUplinks) {
            break;
        }
        ipc::Uplink& uplink = record.uplinks[record.uplink_count++];
        uplink.care_of = binding.tunnel.address.host();
        uplink.port = binding.tunnel.port;
        uplink.label = binding.label;
        uplink.binding_id = binding.binding_id;
        uplink.flags = ipc::kUplinkUp;
    }
    return record;
}

bool names_binding_ids(const PolicyRef& policy) {
    return policy && policy->source == PolicySource::flow_bindings;
}

ipc::HomeNetwork record_of(const config::HomeNetwork& network) {
    ipc::HomeNetwork record;
    record.network = network.prefix.network.host();
    record.length = network.prefix.length;
    std::memcpy(record.port.data(), network.port.data(), std::min(network.port.size(), record.port.size() - 1));
    return record;
}

}  // namespace

std::uint32_t Publication::acquire(const NodeBindings& state, const PolicyRef& policy) {
    return steers(state, policy) ? publisher_->acquire_policy(policy->generation.digest, policy->bytes) : 0;
}

void Publication::release(std::uint32_t policy) {
    if (policy != 0) {
        publisher_->release_policy(policy);
    }
}

/// Notes the node's policy number in force, and gives back the one before.
void Publication::hold(wire::Ipv4Address home_address, std::uint32_t policy) {
    std::uint32_t before = 0;
    if (const auto held = policy_of_.find(home_address); held != policy_of_.end()) {
        before = std::exchange(held->second, policy);
        if (policy == 0) {
            policy_of_.erase(held);
        }
    } else if (policy != 0) {
        policy_of_.emplace(home_address, policy);
    }
    release(before);
}

void Publication::install(const registration::Install& install, Done done) {
    Asked asked{install.home_address, acquire(install.next, install.policy), 0};
    if (install.next.bindings.empty()) {
        asked.publisher_ticket = publisher_->remove(install.home_address.host(), std::move(done));
    } else {
        asked.publisher_ticket = publisher_->put(
            record_of(install.home_address, install.next, asked.policy, names_binding_ids(install.policy)),
            std::move(done));
    }
    asked_.emplace(install.ticket, asked);
}

void Publication::settle(std::uint64_t ticket) {
    if (const auto asked = asked_.extract(ticket)) {
        hold(asked.mapped().home_address, asked.mapped().policy);
    }
}

void Publication::abandon(std::uint64_t ticket) {
    if (const auto asked = asked_.extract(ticket)) {
        publisher_->forget(asked.mapped().publisher_ticket);
        publish(asked.mapped().home_address);
        release(asked.mapped().policy);
    }
}

void Publication::publish(wire::Ipv4Address home_address) {
    const auto node = agent_.view(home_address);
    if (!node || node->state.bindings.empty()) {
        publisher_->remove(home_address.host());
        hold(home_address, 0);
        return;
    }
    const std::uint32_t policy = acquire(node->state, node->policy);
    publisher_->put(record_of(home_address, node->state, policy, names_binding_ids(node->policy)));
    hold(home_address, policy);
}

void Publication::announce(const registration::Announcement& announcement, const std::array<std::uint8_t, 6>& mac) {
    ipc::ArpAnnounce record;
    record.home_address = announcement.home_address.host();
    record.mac = mac;
    publisher_->announce(record);
}

void Publication::change_home_networks(const config::HomeAgent& before, const config::HomeAgent& after) {
    const auto has = [](const config::HomeAgent& config, const config::HomeNetwork& network) {
        return std::any_of(config.home_networks.begin(), config.home_networks.end(),
                           [&network](const config::HomeNetwork& held) { return held.prefix == network.prefix; });
    };
    for (const config::HomeNetwork& network : before.home_networks) {
        if (!has(after, network)) {
            publisher_->remove_home_network(record_of(network));
        }
    }
    for (const config::HomeNetwork& network : after.home_networks) {
        publisher_->put_home_network(record_of(network));
    }
}

ipc::Settings Publication::settings() const {
    const config::HomeAgent& config = agent_.config();
    ipc::Settings settings;
    settings.home_agent = config.address.host();
    settings.udp_checksum = config.dataplane.udp_checksum;
    settings.ecn = config.dataplane.ecn;
    settings.tunnel_mtu = tunnel_mtu(config);
    settings.clamp_mss = config.dataplane.clamp_mss ? 1 : 0;
    settings.icmp_errors_per_s = config.dataplane.icmp_errors_per_s;
    return settings;
}

std::vector<ipc::HomeNetwork> Publication::home_networks() const {
    std::vector<ipc::HomeNetwork> records;
    for (const config::HomeNetwork& network : agent_.config().home_networks) {
        records.push_back(record_of(network));
    }
    return records;
}

std::vector<ipc::Binding> Publication::bindings_after(std::optional<std::uint32_t> after, std::size_t limit) const {
    std::vector<ipc::Binding> records;
    const auto from = after ? std::optional(wire::Ipv4Address{*after}) : std::nullopt;
    agent_.for_each_bound(from, [&](const registration::NodeView& node) {
        const auto held = policy_of_.find(node.home_address);
        const std::uint32_t policy = held == policy_of_.end() ? 0 : held->second;
        records.push_back(record_of(node.home_address, node.state, policy, names_binding_ids(node.policy)));
        return records.size() < limit;
    });
    return records;
}

}  // namespace homeward::daemon
