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
#include "ports/eal.h"

namespace homeward {
namespace {

constexpr unsigned kHandOverSize = 1024, kRequestsSize = 4096;
/// How long a worker's request waits at most: short against any ARP round trip that follows it.
constexpr std::chrono::milliseconds kRequestsPeriod{2}, kUpkeepPeriod{200};

ports::PoolNeeds pool_needs(const config::HomeAgent& config) {
    ports::PoolNeeds needs{.ports = static_cast<unsigned>(config.ports.size()),
                           .workers = config.dataplane.workers,
                           .largest_mtu = 0,
                           .reassembly_mb = config.dataplane.reassembly_memory_mb};
    for (const config::Port& port : config.ports) {
        needs.largest_mtu = std::max(needs.largest_mtu, port.mtu);
    }
    return needs;
}

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
    for (const Step step : {&Dataplane::start_eal, &Dataplane::start_ports, &Dataplane::make_rings,
                            &Dataplane::attach_twins, &Dataplane::make_workers, &Dataplane::follow_kernel}) {
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
    for (const config::Port& port : config_.ports) {
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

Status Dataplane::start_ports() {
    for (const config::Port& wanted : config_.ports) {
        auto port = ports::Port::attach({wanted.name, wanted.device, wanted.mtu});
        if (!port) {
            return port.error();
        }
        ports_.push_back(std::move(*port));
    }
    if (Status ordered = order_ports(); !ordered) {
        return ordered;
    }
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
        spdlog::info("port {}: {}, {} rx and {} tx queues, MTU {}", port.name(), port.device(), port.rx_queues(),
                     port.tx_queues(), port.mtu());
    }
    pool_ = pools_[ports_.front().socket()];
    return {};
}

/// Everywhere else a port's id is its index.
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

Status Dataplane::make_rings() {
    for (const ports::Port& port : ports_) {
        hand_over_.push_back(rte_ring_create(fmt::format("hand_over_{}", port.id()).c_str(), kHandOverSize,
                                             port.socket(), RING_F_SC_DEQ));
    }
    requests_ = rte_ring_create_elem("requests", sizeof(pipeline::Request), kRequestsSize,
                                     static_cast<int>(rte_socket_id()), RING_F_SC_DEQ);
    const bool made =
        requests_ != nullptr && std::find(hand_over_.begin(), hand_over_.end(), nullptr) == hand_over_.end();
    return made ? Status{} : Status{Error{"no memory for the rings; raise dataplane.memory"}};
}

Status Dataplane::attach_twins() {
    for (const ports::Port& port : ports_) {
        const auto configured = std::find_if(config_.ports.begin(), config_.ports.end(),
                                             [&](const config::Port& wanted) { return wanted.name == port.name(); });
        auto twin = exception::Twin::attach(configured->twin, port.mac(), port.mtu());
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
    for (const ports::Port& port : ports_) {
        tables_->set_port(port.id(),
                          {.name = port.name(),
                           .mac = port.mac(),
                           .mtu = port.mtu(),
                           .up = link_up_[port.id()],
                           .tx_checksum_offload = port.offloads().ipv4_checksum && port.offloads().udp_checksum,
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
    worker::Surroundings around{.tables = tables_.get(),
                                .exception = exception_.get(),
                                .requests = requests_,
                                .hand_over = hand_over_,
                                .pool = pool_,
                                .reassembly = {.datagrams = wanted.reassembly_datagrams,
                                               .buffers = ports::reassembly_buffers(pool_needs(config_)),
                                               .timeout_ms = wanted.reassembly_timeout_ms},
                                .may_sleep = may_sleep()};
    std::vector<worker::PortQueues> queues;
    for (const ports::Port& port : ports_) {
        queues.push_back({port.name(), port.rx_queues(), port.tx_queues()});
        around.multi_segment.push_back(port.offloads().multi_segment);
    }
    if (const std::string shortage = worker::describe_shortage(count, queues); !shortage.empty()) {
        spdlog::warn("{}", shortage);
    }
    for (unsigned number = 0; worker::Plan & plan : worker::plan_workers(count, queues)) {
        workers_.push_back(std::make_unique<worker::Worker>(number++, std::move(plan), around));
    }
    return {};
}

Status Dataplane::follow_kernel() {
    std::vector<netlink::TwinLink> links;
    for (std::uint16_t id = 0; id < ports_.size(); ++id) {
        links.push_back({static_cast<int>(exception_->twins()[id].interface()), id, ports_[id].mac()});
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
        if (!worker->plan().idle()) {
            rte_eal_remote_launch(run_worker, worker.get(), lcore);
        }
    }
}

void Dataplane::join_control() {
    apply_ = std::make_unique<mailbox::Apply>(*tables_);
    apply_->on_binding_removed = [this](wire::Ipv4Address address) { kernel_->forget_proxy(address); };
    std::vector<tables::MacAddress> macs;
    for (const ports::Port& port : ports_) {
        macs.push_back(port.mac());
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
        exception_->twins()[port.id()].set_carrier(link_up_[port.id()]);
        spdlog::info("port {}: link {}", port.name(), link_up_[port.id()] ? "up" : "down");
    }
    if (changed) {
        describe_ports();
    }
}

mailbox::CounterList Dataplane::counters() const {
    return collect_counters(
        {.ports = ports_, .workers = workers_, .exception = *exception_, .tables = *tables_, .kernel = *kernel_});
}

}  // namespace homeward
