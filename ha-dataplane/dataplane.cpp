#include "dataplane.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>

#include "counter_list.h"
#include "devices.h"
#include "ports/eal.h"

namespace homeward {
namespace {

constexpr unsigned kHandOverSize = 1024, kRequestsSize = 4096;
/// How long a worker's request waits at most: short against any ARP round trip that follows it.
constexpr std::chrono::milliseconds kRequestsPeriod{2}, kUpkeepPeriod{200};

std::uint64_t monotonic_s() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

int run_worker(void* worker) {
    static_cast<worker::Worker*>(worker)->run();
    return 0;
}

void free_ring(rte_ring* ring) {
    void* packet = nullptr;
    while (ring != nullptr && rte_ring_dequeue(ring, &packet) == 0) {
        rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
    }
    rte_ring_free(ring);
}

}  // namespace

Dataplane::Dataplane(const config::HomeAgent& config, bool verbose) : config_(config), verbose_(verbose) {}

Dataplane::~Dataplane() {
    for (const auto& worker : workers_) {
        worker->stop();
    }
    if (launched_) {
        rte_eal_mp_wait_lcore();
    }
    link_.reset();
    kernel_events_.release();
    kernel_.reset();
    workers_.clear();
    redistribution_.reset();
    exception_.reset();
    twins_.clear();
    ports_.clear();
    std::for_each(hand_over_.begin(), hand_over_.end(), free_ring);
    rte_ring_free(requests_);
    tables_.reset();
    for (const auto& [socket, pool] : pools_) {
        rte_mempool_free(pool);
    }
    if (eal_started_) {
        rte_eal_cleanup();
    }
}

Status Dataplane::start() {
    using Step = Status (Dataplane::*)();
    for (const Step step :
         {&Dataplane::start_eal, &Dataplane::attach_ports, &Dataplane::start_ports, &Dataplane::place_ports,
          &Dataplane::make_rings, &Dataplane::attach_twins, &Dataplane::make_workers, &Dataplane::follow_kernel}) {
        if (Status done = (this->*step)(); !done) {
            return done;
        }
    }
    launch();
    join_control();
    return {};
}

Status Dataplane::start_eal() {
    const config::Dataplane& wanted = config_.dataplane;
    ports::EalOptions options;
    options.workers = wanted.workers;
    options.cores = wanted.cores;
    options.huge_pages = static_cast<ports::HugePages>(wanted.huge_pages);
    options.memory_mb = wanted.memory_mb != 0 ? wanted.memory_mb : ports::memory_needed(pool_needs(config_));
    options.extra = wanted.eal;
    options.verbose = verbose_;
    bool all_virtual = true;
    for (const ports::PortOptions& port : devices_of(config_)) {
        options.devices.push_back(port.device);
        all_virtual = all_virtual && !ports::is_pci_address(port.device);
    }
    options.pin = wanted.idle == config::Idle::poll || (wanted.idle == config::Idle::automatic && !all_virtual);
    bool huge = false;
    if (Status started = ports::start_eal(options, huge); !started) {
        return started;
    }
    eal_started_ = true;
    spdlog::info("{} MB of {} reserved", options.memory_mb,
                 huge ? "huge pages"
                      : (wanted.huge_pages == config::HugePages::automatic ? "ordinary memory (no huge pages free)"
                                                                           : "ordinary memory"));
    return {};
}
static_assert(static_cast<int>(config::HugePages::automatic) == static_cast<int>(ports::HugePages::automatic) &&
              static_cast<int>(config::HugePages::never) == static_cast<int>(ports::HugePages::never) &&
              static_cast<int>(config::HugePages::always) == static_cast<int>(ports::HugePages::always));

Status Dataplane::attach_ports() {
    for (const ports::PortOptions& wanted : devices_of(config_)) {
        auto port = ports::Port::attach(wanted);
        if (!port) {
            return port.error();
        }
        for (const ports::Port& other : ports_) {
            if (other.id() == port->id()) {
                return Error{fmt::format("ports.{}.device: {} is the device of port {}; write it the same: {}",
                                         wanted.name, wanted.device, other.name(), other.device())};
            }
        }
        ports_.push_back(std::move(*port));
    }
    return order_ports();
}

Status Dataplane::start_ports() {
    for (ports::Port& port : ports_) {
        rte_mempool*& pool = pools_[port.socket()];
        if (pool == nullptr) {
            auto made = ports::make_pool(port.socket(), pool_needs(config_));
            if (!made) {
                return made.error();
            }
            pool = *made;
        }
        if (Status started = port.start(config_.dataplane.workers, pool); !started) {
            return started;
        }
        spdlog::info("{}", describe(port));
    }
    pool_ = pools_[ports_.front().socket()];
    return {};
}

/// Everywhere else a device's id is its index.
Status Dataplane::order_ports() {
    std::vector<ports::Port> ordered;
    for (std::uint16_t id = 0; id < ports_.size(); ++id) {
        const auto found =
            std::find_if(ports_.begin(), ports_.end(), [&](const ports::Port& port) { return port.id() == id; });
        if (found == ports_.end()) {
            return Error{"ports: a device made more than one DPDK port; name each of them in the configuration"};
        }
        ordered.push_back(std::move(*found));
    }
    ports_.swap(ordered);
    return {};
}

/// From here on a port is an entry of the configuration, its id the index there.
Status Dataplane::place_ports() {
    for (const config::Port& wanted : config_.ports) {
        const auto device = std::find_if(ports_.begin(), ports_.end(),
                                         [&](const ports::Port& port) { return port.device() == wanted.device; });
        places_.push_back(
            {.device = device->id(), .vlan = wanted.vlan, .insert_offload = device->offloads().vlan_insert()});
    }
    return {};
}

Status Dataplane::make_rings() {
    for (std::size_t id = 0; id < places_.size(); ++id) {
        hand_over_.push_back(rte_ring_create(fmt::format("hand_over_{}", id).c_str(), kHandOverSize,
                                             ports_[places_[id].device].socket(), RING_F_SC_DEQ));
    }
    requests_ = rte_ring_create_elem("requests", sizeof(pipeline::Request), kRequestsSize,
                                     static_cast<int>(rte_socket_id()), RING_F_SC_DEQ);
    const bool made =
        requests_ != nullptr && std::find(hand_over_.begin(), hand_over_.end(), nullptr) == hand_over_.end();
    return made ? Status{} : Status{Error{"no memory for the rings; raise dataplane.memory"}};
}

Status Dataplane::attach_twins() {
    for (std::size_t id = 0; id < places_.size(); ++id) {
        const config::Port& port = config_.ports[id];
        auto twin = exception::Twin::attach(port.twin, ports_[places_[id].device].mac(), port.mtu);
        if (!twin) {
            return twin.error();
        }
        twins_.push_back(std::move(*twin));
    }
    return {};
}

bool Dataplane::may_sleep() const {
    if (config_.dataplane.idle != config::Idle::automatic) {
        return config_.dataplane.idle == config::Idle::sleep;
    }
    return std::all_of(ports_.begin(), ports_.end(), [](const ports::Port& port) { return port.is_virtual(); });
}

void Dataplane::describe_ports() {
    for (std::uint16_t id = 0; id < places_.size(); ++id) {
        const ports::Port& device = ports_[places_[id].device];
        tables_->set_port(id, {.name = config_.ports[id].name,
                               .mac = device.mac(),
                               .mtu = config_.ports[id].mtu,
                               .up = link_up_[device.id()],
                               .tx_checksum_offload = device.offloads().ipv4_checksum(),
                               .tx_udp_offload = device.offloads().udp_checksum(),
                               .present = true});
    }
}

Status Dataplane::make_workers() {
    const unsigned count = config_.dataplane.workers;
    tables_ = std::make_unique<tables::Tables>(count);
    link_up_.assign(ports_.size(), true);
    describe_ports();
    const config::Dataplane& wanted = config_.dataplane;
    auto path = exception::ExceptionPath::create(
        std::move(twins_), {wanted.exception_registration_pps, wanted.exception_arp_pps, wanted.exception_other_pps},
        pool_);
    twins_.clear();
    if (!path) {
        return path.error();
    }
    exception_ = std::move(*path);
    return make_loops();
}

Status Dataplane::make_loops() {
    const config::Dataplane& wanted = config_.dataplane;
    const unsigned count = wanted.workers;
    const auto mode = static_cast<worker::Redistribute>(wanted.redistribution);
    worker::Surroundings around{.tables = tables_.get(),
                                .exception = exception_.get(),
                                .requests = requests_,
                                .hand_over = hand_over_,
                                .pool = pool_,
                                .reassembly = {.datagrams = wanted.reassembly_datagrams,
                                               .buffers = ports::reassembly_buffers(pool_needs(config_)),
                                               .timeout_ms = wanted.reassembly_timeout_ms},
                                .resend_ms = wanted.resend_ms,
                                .may_sleep = may_sleep(),
                                .places = places_};
    std::vector<worker::PortQueues> queues;
    for (const ports::Port& port : ports_) {
        queues.push_back({port.name(), port.rx_queues(), port.tx_queues()});
        around.multi_segment.push_back(port.offloads().multi_segment());
    }
    if (const std::string shortage = worker::describe_shortage(count, queues, mode); !shortage.empty()) {
        spdlog::warn("{}", shortage);
    }
    std::vector<worker::Plan> plans = worker::plan_workers(count, queues);
    auto redistribution = worker::Redistribution::create(plans, worker::plan_redistribution(count, queues, mode),
                                                         ports_.front().socket());
    if (!redistribution) {
        return redistribution.error();
    }
    redistribution_ = std::move(*redistribution);
    around.redistribution = redistribution_.get();
    for (unsigned number = 0; worker::Plan & plan : plans) {
        workers_.push_back(std::make_unique<worker::Worker>(number++, std::move(plan), around));
    }
    return {};
}
static_assert(static_cast<int>(config::Redistribution::automatic) ==
                  static_cast<int>(worker::Redistribute::automatic) &&
              static_cast<int>(config::Redistribution::never) == static_cast<int>(worker::Redistribute::never) &&
              static_cast<int>(config::Redistribution::always) == static_cast<int>(worker::Redistribute::always));

Status Dataplane::follow_kernel() {
    std::vector<netlink::TwinLink> links;
    for (std::uint16_t id = 0; id < places_.size(); ++id) {
        links.push_back({static_cast<int>(exception_->twins()[id].interface()), id, ports_[places_[id].device].mac()});
    }
    auto feed = netlink::KernelFeed::open(*tables_, std::move(links));
    if (!feed) {
        return feed.error();
    }
    kernel_ = std::move(*feed);
    kernel_events_.assign(kernel_->fd());
    wait_for_kernel();
    return {};
}

void Dataplane::launch() {
    launched_ = true;
    exception_->start();
    unsigned lcore = 0;
    for (const auto& worker : workers_) {
        ++lcore;
        if (!worker->idle()) {
            rte_eal_remote_launch(run_worker, worker.get(), lcore);
        }
    }
}

void Dataplane::join_control() {
    apply_ = std::make_unique<mailbox::Apply>(*tables_);
    apply_->on_binding_removed = [this](wire::Ipv4Address address) { kernel_->forget_proxy(address); };
    std::vector<tables::MacAddress> macs;
    for (const worker::Place& place : places_) {
        macs.push_back(ports_[place.device].mac());
    }
    announcer_ = std::make_unique<Announcer>(loop_, std::move(macs), hand_over_, pool_);
    ipc::Hello hello{.pid = static_cast<std::uint32_t>(getpid()),
                     .workers = config_.dataplane.workers,
                     .started_unix_s = static_cast<std::uint64_t>(std::time(nullptr))};
    std::string_view{HOMEWARD_RELEASE}.copy(hello.release.data(), hello.release.size() - 1);
    link_ = std::make_unique<mailbox::Link>(
        loop_, config_.dataplane_socket, hello, *apply_,
        mailbox::Link::Events{
            .counters = [this] { return counters(); },
            .announce = [this](const std::vector<mailbox::Announcement>& wanted) { announcer_->announce(wanted); },
            .log = [](const std::string& line) { spdlog::info("{}", line); }});
}

void Dataplane::run() {
    for (const int signal : {SIGTERM, SIGINT}) {
        signals_.add(signal);
    }
    signals_.async_wait([this](const asio::error_code&, int) { loop_.stop(); });
    serve_requests();
    look_after();
    link_->start();
    spdlog::info("forwarding with {} worker{}", workers_.size(), workers_.size() == 1 ? "" : "s");
    sd_notify(0, "READY=1");
    loop_.run();
    sd_notify(0, "STOPPING=1");
    spdlog::info("stopping");
}

void Dataplane::wait_for_kernel() {
    kernel_events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
        if (!error) {
            follow_events();
            wait_for_kernel();
        }
    });
}

void Dataplane::follow_events() {
    if (Status done = kernel_->on_readable(); !done) {
        spdlog::warn("{}; trying again", done.error().text);
    }
}

void Dataplane::serve_requests() {
    pipeline::Request request;
    while (rte_ring_dequeue_elem(requests_, &request, sizeof request) == 0) {
        serve_request(request);
    }
    tables_->reclaim();
    requests_timer_.expires_after(kRequestsPeriod);
    requests_timer_.async_wait([this](const asio::error_code& error) {
        if (!error) {
            serve_requests();
        }
    });
}

void Dataplane::serve_request(const pipeline::Request& request) {
    const wire::Ipv4Address address{request.address};
    switch (request.kind) {
        case pipeline::Request::Kind::resolve_neighbour:
        case pipeline::Request::Kind::neighbour_in_use:
            kernel_->use_neighbour(request.port, address);
            break;
        case pipeline::Request::Kind::path_mtu:
            tables_->lower_path_mtu(request.address, request.port, request.mtu, monotonic_s());
            break;
    }
}

void Dataplane::look_after() {
    tables_->expire(monotonic_s());
    look_at_links();
    follow_events();
    upkeep_timer_.expires_after(kUpkeepPeriod);
    upkeep_timer_.async_wait([this](const asio::error_code& error) {
        if (!error) {
            look_after();
        }
    });
}

/// A port without link takes its twin's carrier with it, so that the kernel's routing daemons see it, too.
void Dataplane::look_at_links() {
    bool changed = false;
    for (const ports::Port& port : ports_) {
        rte_eth_link link{};
        if (rte_eth_link_get_nowait(port.id(), &link) < 0 || (link.link_status != 0) == link_up_[port.id()]) {
            continue;
        }
        changed = true;
        link_up_[port.id()] = link.link_status != 0;
        for (std::size_t id = 0; id < places_.size(); ++id) {
            if (places_[id].device == port.id()) {
                exception_->twins()[id].set_carrier(link_up_[port.id()]);
            }
        }
        spdlog::info("port {}: link {}", port.name(), link_up_[port.id()] ? "up" : "down");
    }
    if (changed) {
        describe_ports();
    }
}

mailbox::CounterList Dataplane::counters() const {
    return collect_counters({.ports = config_.ports,
                             .places = places_,
                             .devices = ports_,
                             .workers = workers_,
                             .exception = *exception_,
                             .tables = *tables_,
                             .kernel = *kernel_});
}

}  // namespace homeward
