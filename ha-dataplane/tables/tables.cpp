#include "tables/tables.h"

#include <algorithm>
#include <utility>

namespace homeward::tables {

/// A home network's pages, one pointer per 64 addresses. Pages belong to Tables::pages_, so that nested networks
/// share them.
struct Tables::Directory {
    HomeNetwork network;
    std::uint32_t mark = 0;
    std::uint32_t size = 0;
    std::unique_ptr<std::atomic<BindingPage*>[]> entries;
};

namespace {

constexpr std::uint8_t kShortestHomeNetwork = 8;

std::uint32_t page_number(wire::Ipv4Address address) {
    return address.host() >> BindingPage::kShift;
}

/// Writes in place only what differs, so that a refresh costs readers no cache miss.
template <class T>
void store(std::atomic<T>& cell, T value) {
    if (cell.load(std::memory_order_relaxed) != value) {
        cell.store(value, std::memory_order_release);
    }
}

}  // namespace

Tables::Tables(unsigned workers) : quiescence_(workers), shared_(new Shared), neighbours_(quiescence_) {}

Tables::~Tables() {
    delete shared_.load();
    for (const auto& [number, page] : pages_) {
        for (Binding& binding : page->bindings) {
            point_to(binding, nullptr);
        }
        delete page;
    }
    for (const auto& [number, policy] : policies_) {
        delete policy;
    }
}

void Tables::publish(std::unique_ptr<Shared> next) {
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
    auto next = std::make_unique<Shared>(shared());
    next->settings = settings;
    next->settled = true;
    publish(std::move(next));
    for_each_bound([this](Binding& binding, wire::Ipv4Address) {
        refresh_mtu(binding, binding.order.load(std::memory_order_relaxed));
    });
}

Status Tables::put_home_network(const wire::Ipv4Prefix& prefix, std::uint16_t port) {
    auto& directory = directories_[prefix];
    if (directory == nullptr) {
        if (prefix.length < kShortestHomeNetwork || directories_.size() > kMaxHomeNetworks) {
            directories_.erase(prefix);
            return Error{"home network " + prefix.to_string() + ": at most " + std::to_string(kMaxHomeNetworks) +
                         " networks of length 8 to 32 are possible"};
        }
        directory = std::make_unique<Directory>();
        directory->size = page_number(prefix.last()) - page_number(prefix.first()) + 1;
        directory->entries = std::make_unique<std::atomic<BindingPage*>[]>(directory->size);
        for (std::uint32_t i = 0; i < directory->size; ++i) {
            const auto page = pages_.find(page_number(prefix.first()) + i);
            directory->entries[i].store(page == pages_.end() ? nullptr : page->second, std::memory_order_relaxed);
        }
    }
    directory->mark = sync_mark_;
    if (directory->network.directory != nullptr && directory->network.port == port) {
        return {};
    }
    directory->network = {prefix, port, directory->entries.get()};
    publish_home_networks();
    return {};
}

/// Longest prefix first.
void Tables::publish_home_networks() {
    auto next = std::make_unique<Shared>(shared());
    next->home_network_count = 0;
    for (const auto& [prefix, directory] : directories_) {
        next->home_networks[next->home_network_count++] = directory->network;
    }
    std::stable_sort(next->home_networks.begin(), next->home_networks.begin() + next->home_network_count,
                     [](const HomeNetwork& a, const HomeNetwork& b) { return a.prefix.length > b.prefix.length; });
    publish(std::move(next));
}

Status Tables::remove_home_network(const wire::Ipv4Prefix& prefix) {
    const auto found = directories_.find(prefix);
    if (found == directories_.end()) {
        return Error{"home network " + prefix.to_string() + " is not known"};
    }
    std::shared_ptr<Directory> removed = std::move(found->second);
    directories_.erase(found);
    publish_home_networks();
    for_each_bound([&](Binding& binding, wire::Ipv4Address address) {
        if (prefix.contains(address) && shared().home_network(address) == nullptr) {
            clear(binding, address);
        }
    });
    quiescence_.retire([removed] {});
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

void Tables::point_to(Binding& binding, Policy* policy) {
    auto* old = const_cast<Policy*>(binding.policy.load(std::memory_order_relaxed));
    if (old == policy) {
        return;
    }
    if (policy != nullptr) {
        ++policy->references;
    }
    binding.policy.store(policy, std::memory_order_release);
    if (old != nullptr) {
        unreference(old);
    }
}

/// The place of `home_address`; null when it is in no home network, or has no page and none is to be made.
Binding* Tables::writable(wire::Ipv4Address home_address, bool allocate) {
    if (shared().home_network(home_address) == nullptr) {
        return nullptr;
    }
    const std::uint32_t number = page_number(home_address);
    auto found = pages_.find(number);
    if (found == pages_.end()) {
        if (!allocate) {
            return nullptr;
        }
        found = pages_.emplace(number, new BindingPage).first;
        for (const auto& [prefix, directory] : directories_) {
            const std::uint32_t first = page_number(prefix.first());
            if (number >= first && number - first < directory->size) {
                directory->entries[number - first].store(found->second, std::memory_order_release);
            }
        }
    }
    return &found->second->bindings[home_address.host() & (BindingPage::kBindings - 1)];
}

void Tables::for_each_bound(const std::function<void(Binding&, wire::Ipv4Address)>& visit) {
    for (const auto& [number, page] : pages_) {
        for (unsigned i = 0; i < BindingPage::kBindings; ++i) {
            if (page->bindings[i].bound()) {
                visit(page->bindings[i], wire::Ipv4Address{number << BindingPage::kShift | i});
            }
        }
    }
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
        if (binding.mark != sync_mark_) {
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
    for (const auto& [prefix, directory] : directories_) {
        if (directory->mark != sync_mark_) {
            stale.push_back(prefix);
        }
    }
    for (const auto& prefix : stale) {
        (void)remove_home_network(prefix);
    }
}

std::size_t Tables::memory_bytes() const noexcept {
    std::size_t bytes =
        sizeof *this + pages_.size() * (sizeof(BindingPage) + 48) + home_by_tuple_.size() * 48 + path_mtus_.size() * 64;
    for (const auto& [prefix, directory] : directories_) {
        bytes += directory->size * sizeof(void*);
    }
    for (const auto& [number, policy] : policies_) {
        bytes += sizeof(Policy) + policy->table.memory_bytes();
    }
    return bytes;
}

}  // namespace homeward::tables
