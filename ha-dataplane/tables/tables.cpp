#include "tables/tables.h"

#include <algorithm>
#include <utility>

namespace homeward::tables {

namespace {

constexpr std::uint8_t kShortestHomeNetwork = 8;

/// Writes in place only what differs, so that a refresh costs readers no cache miss.
template <class T>
void store(std::atomic<T>& cell, T value) {
    if (cell.load(std::memory_order_relaxed) != value) {
        cell.store(value, std::memory_order_release);
    }
}

}  // namespace

const Policy& closed_policy() {
    static const Policy closed{std::move(policy::Table::compile({})).value()};
    return closed;
}

Tables::Tables(unsigned workers) : quiescence_(workers), shared_(new Shared), neighbours_(quiescence_) {}

Tables::~Tables() {
    delete shared_.load();
    directory_.for_each([this](Binding& binding, wire::Ipv4Address) { point_to(binding, &closed_policy()); });
    for (const auto& [number, policy] : policies_) {
        delete policy;
    }
}

void Tables::publish(std::unique_ptr<Shared> next) {
    next->number = shared().number + 1;
    Shared* old = shared_.exchange(next.release(), std::memory_order_acq_rel);
    quiescence_.retire([old] { delete old; });
}

void Tables::set_port(std::uint16_t id, const Port& port) {
    auto next = std::make_unique<Shared>(shared());
    next->ports[id] = port;
    publish(std::move(next));
}

std::uint16_t Tables::port_named(std::string_view name) const noexcept {
    for (std::uint16_t id = 0; id < kMaxPorts; ++id) {
        if (shared().ports[id].present && shared().ports[id].name == name) {
            return id;
        }
    }
    return kNoPort;
}

void Tables::set_settings(const ipc::Settings& settings) {
    const bool settled = shared().settled;
    const wire::Ipv4Address before{shared().settings.home_agent};
    auto next = std::make_unique<Shared>(shared());
    next->settings = settings;
    next->settled = true;
    routes_.claim(wire::Ipv4Address{settings.home_agent});
    publish(std::move(next));
    if (settled) {
        routes_.release(before);
    }
    for_each_bound([this](Binding& binding, wire::Ipv4Address) {
        refresh_mtu(binding, binding.order.load(std::memory_order_relaxed));
    });
}

Status Tables::put_home_network(const wire::Ipv4Prefix& prefix, std::uint16_t port) {
    const auto [held, fresh] = home_networks_.try_emplace(prefix);
    if (fresh && (prefix.length < kShortestHomeNetwork || home_networks_.size() > kMaxHomeNetworks)) {
        home_networks_.erase(held);
        return Error{"home network " + prefix.to_string() + ": at most " + std::to_string(kMaxHomeNetworks) +
                     " networks of length 8 to 32 are possible"};
    }
    held->second.mark = sync_mark_;
    if (fresh || held->second.port != port) {
        held->second.port = port;
        publish_home_networks();
    }
    return {};
}

/// Longest prefix first.
void Tables::publish_home_networks() {
    auto next = std::make_unique<Shared>(shared());
    next->home_network_count = 0;
    for (const auto& [prefix, network] : home_networks_) {
        next->home_networks[next->home_network_count++] = {prefix, network.port};
    }
    std::stable_sort(next->home_networks.begin(), next->home_networks.begin() + next->home_network_count,
                     [](const HomeNetwork& a, const HomeNetwork& b) { return a.prefix.length > b.prefix.length; });
    publish(std::move(next));
}

Status Tables::remove_home_network(const wire::Ipv4Prefix& prefix) {
    if (home_networks_.erase(prefix) == 0) {
        return Error{"home network " + prefix.to_string() + " is not known"};
    }
    publish_home_networks();
    for_each_bound([&](Binding& binding, wire::Ipv4Address address) {
        if (prefix.contains(address) && shared().home_network(address) == nullptr) {
            clear(binding, address);
        }
    });
    return {};
}

void Tables::put_policy(std::uint32_t number, policy::Table table) {
    auto* made = new Policy{std::move(table), number, 1, sync_mark_};
    Policy*& held = policies_[number];
    Policy* old = std::exchange(held, made);
    if (old != nullptr) {
        unreference(old);
    }
}

Status Tables::remove_policy(std::uint32_t number) {
    const auto found = policies_.find(number);
    if (found == policies_.end()) {
        return Error{"policy " + std::to_string(number) + " is not known"};
    }
    unreference(found->second);
    policies_.erase(found);
    return {};
}

void Tables::unreference(Policy* policy) {
    if (--policy->references == 0) {
        quiescence_.retire([policy] { delete policy; });
    }
}

/// The closed policy is nobody's to count or to free.
void Tables::point_to(Binding& binding, const Policy* policy) {
    const auto counted = [](const Policy* one) {
        return one == nullptr || one == &closed_policy() ? nullptr : const_cast<Policy*>(one);
    };
    const Policy* old = binding.policy.load(std::memory_order_relaxed);
    if (old == policy) {
        return;
    }
    if (Policy* next = counted(policy); next != nullptr) {
        ++next->references;
    }
    binding.policy.store(policy, std::memory_order_release);
    if (Policy* last = counted(old); last != nullptr) {
        unreference(last);
    }
}

/// The place of `home_address`; null when it is in no home network, or has no page and none is to be made.
Binding* Tables::writable(wire::Ipv4Address home_address, bool allocate) {
    if (shared().home_network(home_address) == nullptr) {
        return nullptr;
    }
    return allocate ? &directory_.make(home_address) : directory_.find(home_address);
}

void Tables::for_each_bound(const std::function<void(Binding&, wire::Ipv4Address)>& visit) {
    directory_.for_each([&](Binding& binding, wire::Ipv4Address address) {
        if (binding.bound()) {
            visit(binding, address);
        }
    });
}

void Tables::begin_sync() {
    ++sync_mark_;
    in_sync_ = true;
}

void Tables::end_sync() {
    if (!in_sync_) {
        return;
    }
    in_sync_ = false;
    for_each_bound([this](Binding& binding, wire::Ipv4Address address) {
        if (binding.rest->mark != sync_mark_) {
            clear(binding, address);
        }
    });
    for (auto policy = policies_.begin(); policy != policies_.end();) {
        if (policy->second->mark != sync_mark_) {
            unreference(policy->second);
            policy = policies_.erase(policy);
        } else {
            ++policy;
        }
    }
    std::vector<wire::Ipv4Prefix> stale;
    for (const auto& [prefix, network] : home_networks_) {
        if (network.mark != sync_mark_) {
            stale.push_back(prefix);
        }
    }
    for (const auto& prefix : stale) {
        (void)remove_home_network(prefix);
    }
}

std::size_t Tables::memory_bytes() const noexcept {
    // A node of an unordered_map: the pair, a pointer, the allocator's header, and its share of the buckets.
    std::size_t bytes = sizeof *this + directory_.memory_bytes() + home_by_tuple_.size() * 48 + path_mtus_.size() * 64;
    for (const auto& [number, policy] : policies_) {
        bytes += sizeof(Policy) + policy->table.memory_bytes();
    }
    return bytes;
}

}  // namespace homeward::tables
