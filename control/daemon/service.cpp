#include "service.h"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "saved_node.h"

namespace homeward::daemon {
namespace {

using namespace std::chrono_literals;

constexpr auto kFlushInterval = 1s;
constexpr auto kListenRetry = 1s;

registration::HomeAgent::Random random_source() {
    // Nonces must not be guessed; the device is the kernel's generator.
    return [device = std::make_shared<std::random_device>()] { return static_cast<std::uint32_t>((*device)()); };
}

/// How long the data plane may take. A table has to be sent and compiled first: a second for each megabyte.
std::chrono::steady_clock::duration install_wait(const config::Registration& rules,
                                                 const registration::Install& install) {
    const std::size_t bytes = install.policy ? install.policy->bytes->size() : 0;
    return rules.dataplane_wait + std::chrono::microseconds(bytes);
}

}  // namespace

registration::Now now() {
    return {std::chrono::steady_clock::now().time_since_epoch(), std::chrono::system_clock::now().time_since_epoch()};
}

Service::Service(asio::io_context& loop, std::filesystem::path file, const config::HomeAgent& config, Netlink netlink,
                 store::Store store)
    : loop_(loop),
      file_(std::move(file)),
      agent_(config, random_source()),
      publication_(agent_),
      publisher_(loop, publication_,
                 {[this](const ipc::Hello& hello) {
                      spdlog::info("data plane {} connected, {} workers; sending it {} bindings", hello.pid,
                                   hello.workers, agent_.binding_count());
                  },
                  [this] {
                      spdlog::info("the data plane has all bindings");
                      events_.push("dataplane-connected", "The data plane is connected and has all bindings.");
                  },
                  [this](const std::string& why) {
                      spdlog::warn("lost the data plane: {}", why);
                      events_.push("dataplane-lost", "The data plane is gone: " + why + ".");
                  },
                  [](const std::string& reason) { spdlog::warn("the data plane refused a change: {}", reason); }}),
      netlink_(std::move(netlink)),
      store_(std::move(store)),
      socket_(loop, config.address, false, config.registration.accept_zero_udp_checksum),
      listen_timer_(loop),
      overdue_timer_(loop),
      flush_timer_(loop),
      expiry_timer_(loop) {
    publication_.attach(publisher_);
}

Service::~Service() = default;

Status Service::start() {
    restore();
    if (const Status listening = publisher_.listen(agent_.config().dataplane_socket); !listening) {
        return listening;
    }
    listen();
    schedule_expiry();
    return {};
}

void Service::stop() {
    listen_timer_.cancel();
    overdue_timer_.cancel();
    expiry_timer_.cancel();
    flush_timer_.cancel();
    socket_.close();
    broadcast_sockets_.clear();
    for (const wire::Ipv4Address node : std::exchange(unsaved_, {})) {
        save(node);
    }
    commit();
}

void Service::restore() {
    const registration::Now at = now();
    std::vector<wire::Ipv4Address> unknown;
    Status loaded = store_.load_assignments(
        [this](const std::string& nai, wire::Ipv4Address address) { agent_.restore_assignment(nai, address); });
    if (loaded) {
        loaded = store_.load_nodes([&](const store::StoredNode& node) {
            if (!agent_.restore(from_store(node, at), at)) {
                unknown.push_back(node.home_address);
            }
        });
    }
    if (!loaded) {
        spdlog::error("{}", loaded.error().text);
    }
    for (const wire::Ipv4Address node : unknown) {
        store_.remove_node(node);
    }
    commit();
    std::vector<wire::Ipv4Address> bound;
    agent_.for_each_bound(std::nullopt, [&bound](const registration::NodeView& node) {
        bound.push_back(node.home_address);
        return true;
    });
    for (const wire::Ipv4Address node : bound) {
        publication_.publish(node);
    }
    spdlog::info("restored {} bindings of {} nodes", agent_.binding_count(), agent_.bound_nodes());
}

void Service::listen() {
    if (const Status opened = socket_.open(); !opened) {
        if (socket_trouble_.empty()) {
            spdlog::warn("{}; trying again every second", opened.error().text);
        }
        socket_trouble_ = opened.error().text;
        listen_timer_.expires_after(kListenRetry);
        listen_timer_.async_wait([this](const asio::error_code& error) {
            if (!error) {
                listen();
            }
        });
        return;
    }
    socket_trouble_.clear();
    listening_ = true;
    socket_.start([this](const registration::Datagram& datagram) { take(datagram); });
    listen_to_broadcasts();
    spdlog::info("home agent {} listens on UDP port 434", agent_.config().address.to_string());
}

/// A node that does not know its home agent asks the whole home link (RFC 5944 §3.6.1.2); it is told our address.
void Service::listen_to_broadcasts() {
    std::set<wire::Ipv4Address> addresses{wire::Ipv4Address{0xffffffff}};
    for (const config::Port& port : agent_.config().ports) {
        for (const std::string& text : port.addresses) {
            if (const auto address = InterfaceAddress::parse(text); address && address->length < 31) {
                addresses.insert(address->prefix().last());
            }
        }
    }
    for (const wire::Ipv4Address address : addresses) {
        auto socket = std::make_unique<RegistrationSocket>(loop_, address, true,
                                                           agent_.config().registration.accept_zero_udp_checksum);
        if (const Status opened = socket->open(); !opened) {
            spdlog::debug("{}", opened.error().text);
            continue;
        }
        socket->start([this](const registration::Datagram& datagram) { take(datagram); });
        broadcast_sockets_.push_back(std::move(socket));
    }
}

void Service::take(const registration::Datagram& datagram) {
    perform(agent_.handle(datagram, now()));
}

void Service::perform(registration::Actions actions) {
    for (const auto& [nai, address] : actions.assigned) {
        store_.put_assignment(nai, address);
    }
    for (const std::string& nai : actions.released) {
        store_.remove_assignment(nai);
    }
    for (const wire::Ipv4Address node : actions.save) {
        save(node);
        unsaved_.erase(node);
    }
    unsaved_.insert(actions.save_later.begin(), actions.save_later.end());
    for (const std::uint64_t ticket : actions.cancelled) {
        installing_.erase(ticket);
        publication_.abandon(ticket);
    }
    for (const wire::Ipv4Address node : actions.publish) {
        publication_.publish(node);
    }
    std::move(actions.replies.begin(), actions.replies.end(), std::back_inserter(replies_));
    announcements_.insert(announcements_.end(), actions.announcements.begin(), actions.announcements.end());
    for (const registration::Notice& notice : actions.notices) {
        events_.push(notice.event, notice.text + ".",
                     {{"home_address", notice.home_address.to_string()}, {"nai", notice.nai}});
    }
    for (const registration::Install& install : actions.installs) {
        begin(install);
    }
    schedule_end_of_turn();
    schedule_flush();
    schedule_expiry();
}

void Service::begin(const registration::Install& install) {
    installing_.insert(install.ticket);
    publication_.install(install, [this, ticket = install.ticket](bool applied) {
        if (installing_.erase(ticket) == 0) {
            return;
        }
        if (applied) {
            publication_.settle(ticket);
            perform(agent_.installed(ticket, now()));
        } else {
            registration::Actions actions = agent_.not_installed(ticket, now());
            publication_.abandon(ticket);
            perform(std::move(actions));
        }
    });
    deadlines_.emplace(std::chrono::steady_clock::now() + install_wait(agent_.config().registration, install),
                       install.ticket);
    schedule_overdue();
}

void Service::schedule_overdue() {
    if (deadlines_.empty() || overdue_timer_.expiry() == deadlines_.begin()->first) {
        return;
    }
    overdue_timer_.expires_at(deadlines_.begin()->first);
    overdue_timer_.async_wait([this](const asio::error_code& error) {
        if (!error) {
            end_overdue_installs();
        }
    });
}

void Service::end_overdue_installs() {
    const auto at = std::chrono::steady_clock::now();
    while (!deadlines_.empty() &&
           (deadlines_.begin()->first <= at || !installing_.contains(deadlines_.begin()->second))) {
        const std::uint64_t ticket = deadlines_.begin()->second;
        deadlines_.erase(deadlines_.begin());
        if (installing_.erase(ticket) != 0) {
            registration::Actions actions = agent_.not_installed(ticket, now());
            publication_.abandon(ticket);
            perform(std::move(actions));
        }
    }
    schedule_overdue();
}

void Service::schedule_end_of_turn() {
    if (!turn_scheduled_ && !(replies_.empty() && announcements_.empty())) {
        turn_scheduled_ = true;
        asio::post(loop_, [this] { end_turn(); });
    }
}

void Service::end_turn() {
    turn_scheduled_ = false;
    commit();
    for (const registration::Announcement& announcement : std::exchange(announcements_, {})) {
        announce(announcement);
    }
    for (const registration::Reply& reply : std::exchange(replies_, {})) {
        socket_.send(reply);
    }
}

void Service::announce(const registration::Announcement& announcement) {
    Mac mac{};
    if (!announcement.away) {
        const auto learnt = netlink_.neighbour(announcement.home_address);
        if (!learnt) {
            return;
        }
        mac = *learnt;
    }
    publication_.announce(announcement, mac);
}

void Service::save(wire::Ipv4Address home_address) {
    if (const auto node = agent_.saved(home_address)) {
        store_.put_node(to_store(*node, now()));
    } else {
        store_.remove_node(home_address);
    }
}

/// A store that fails does not stop registration: bindings live on in memory and at the data plane, all of them are
/// written again until it works, and `homeward show` tells.
void Service::commit() {
    const Status committed = store_.commit();
    if (committed) {
        if (!store_trouble_.empty()) {
            spdlog::info("the state file works again");
            store_trouble_.clear();
        }
        return;
    }
    if (store_trouble_.empty()) {
        spdlog::error("{}", committed.error().text);
        events_.push("store-failed", committed.error().text);
    }
    store_trouble_ = committed.error().text;
    agent_.for_each_bound(std::nullopt, [this](const registration::NodeView& node) {
        unsaved_.insert(node.home_address);
        return true;
    });
    schedule_flush();
}

void Service::schedule_flush() {
    if (flush_scheduled_ || unsaved_.empty()) {
        return;
    }
    flush_scheduled_ = true;
    flush_timer_.expires_after(kFlushInterval);
    flush_timer_.async_wait([this](const asio::error_code& error) {
        if (error) {
            return;
        }
        flush_scheduled_ = false;
        for (const wire::Ipv4Address node : std::exchange(unsaved_, {})) {
            save(node);
        }
        commit();
    });
}

void Service::schedule_expiry() {
    const auto next = agent_.next_expiry();
    if (!next) {
        return;
    }
    const std::chrono::steady_clock::time_point at{*next};
    // A timer that is too early does no harm; moving it at every renewal would.
    if (expiry_timer_.expiry() > std::chrono::steady_clock::now() && expiry_timer_.expiry() <= at) {
        return;
    }
    expiry_timer_.expires_at(at);
    expiry_timer_.async_wait([this](const asio::error_code& error) {
        if (!error) {
            perform(agent_.expire(now()));
        }
    });
}

Result<Service::Reload> Service::reload() {
    auto loaded = config::load_home_agent(file_);
    if (!loaded) {
        spdlog::error("{}; the configuration stays as it was", loaded.error().text);
        events_.push("reload", "The configuration was refused: " + loaded.error().text);
        return loaded.error();
    }
    const config::HomeAgent before = agent_.config();
    config::HomeAgent next = std::move(loaded).value();
    Reload result{config::needs_restart(before, next)};
    next.address = before.address;
    next.admin_socket = before.admin_socket;
    next.dataplane_socket = before.dataplane_socket;
    next.state = before.state;
    next.ports = before.ports;
    next.dataplane = before.dataplane;
    publication_.change_home_networks(before, next);
    perform(agent_.configure(next));
    spdlog::info("reloaded {}: {} nodes", file_.string(), agent_.node_count());
    events_.push("reload", "The configuration was reloaded.");
    return result;
}

std::string Service::trouble() const {
    return socket_trouble_.empty() ? store_trouble_ : socket_trouble_;
}

}  // namespace homeward::daemon
