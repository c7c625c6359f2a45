#include "machine.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_mbuf.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "fleet.h"
#include "ports/eal.h"

namespace rig {
namespace {

using homeward::Result;
using homeward::Status;

constexpr unsigned kBuffers = 16383;
/// A round takes a burst of 64 out of each ring; the longest are those between workers.
constexpr std::uint64_t kRingRounds = worker::Redistribution::kPerWorker / 64 + 1;

template <class T>
T or_throw(Result<T> made) {
    if (!made) {
        throw std::runtime_error{made.error().text};
    }
    return std::move(*made);
}

void or_throw(const Status& done) {
    if (!done) {
        throw std::runtime_error{done.error().text};
    }
}

/// A namespace of our own, with no IPv6 in it, whose chatter would be somebody else's packets.
bool enter_namespace() {
    if (unshare(CLONE_NEWNET) != 0) {
        return false;
    }
    for (const char* which : {"all", "default"}) {
        std::ofstream{fmt::format("/proc/sys/net/ipv6/conf/{}/disable_ipv6", which)} << 1;
    }
    return true;
}

void start_eal() {
    homeward::ports::EalOptions options;
    options.workers = Machine::kWorkers;
    options.huge_pages = homeward::ports::HugePages::never;
    options.memory_mb = 192;
    bool huge = false;
    or_throw(homeward::ports::start_eal(options, huge));
}

#ifdef __SANITIZE_THREAD__
/// The pool's spare buffers, in a way ThreadSanitizer can follow: DPDK's own ring is in a library it does not see, so
/// that each buffer that goes from one thread to another would look like a race.
struct LockedStack {
    std::mutex lock;
    std::vector<void*> objects;
};

LockedStack& stack_of(const rte_mempool* pool) {
    return *static_cast<LockedStack*>(pool->pool_data);
}

int make_stack(rte_mempool* pool) {
    pool->pool_data = new LockedStack;
    return 0;
}

void free_stack(rte_mempool* pool) {
    delete &stack_of(pool);
}

int put(rte_mempool* pool, void* const* objects, unsigned count) {
    const std::lock_guard held{stack_of(pool).lock};
    stack_of(pool).objects.insert(stack_of(pool).objects.end(), objects, objects + count);
    return 0;
}

int take(rte_mempool* pool, void** objects, unsigned count) {
    const std::lock_guard held{stack_of(pool).lock};
    auto& spare = stack_of(pool).objects;
    if (spare.size() < count) {
        return -ENOBUFS;
    }
    std::copy(spare.end() - count, spare.end(), objects);
    spare.resize(spare.size() - count);
    return 0;
}

unsigned spare_count(const rte_mempool* pool) {
    const std::lock_guard held{stack_of(pool).lock};
    return static_cast<unsigned>(stack_of(pool).objects.size());
}

const char* pool_kind() {
    static const bool registered = [] {
        rte_mempool_ops ops{};
        std::string_view{"locked"}.copy(ops.name, sizeof ops.name);
        ops.alloc = make_stack;
        ops.free = free_stack;
        ops.enqueue = put;
        ops.dequeue = take;
        ops.get_count = spare_count;
        return rte_mempool_register_ops(&ops) >= 0;
    }();
    return registered ? "locked" : nullptr;
}
#else
const char* pool_kind() {
    return nullptr;
}
#endif

/// Ends, for ThreadSanitizer too: it does not see how the EAL waits for a thread.
std::atomic<unsigned> ended{0};

int run_worker(void* worker) {
    static_cast<worker::Worker*>(worker)->run();
    ended.fetch_add(1);
    return 0;
}

}  // namespace

std::string Machine::unmet_need() {
    static const std::string need = []() -> std::string {
        if (!enter_namespace()) {
            return "needs root: a network namespace for the ports' twins";
        }
        start_eal();
        return {};
    }();
    return need;
}

Machine::Machine(const Shape& shape) : shape_(shape) {
    static unsigned number = 0;
    pool_ = rte_pktmbuf_pool_create_by_ops(fmt::format("rig{}", number++).c_str(), kBuffers, 250, 0,
                                           RTE_MBUF_DEFAULT_BUF_SIZE, 0, pool_kind());
    if (pool_ == nullptr) {
        throw std::runtime_error{fmt::format("no memory for {} buffers: {}", kBuffers, rte_strerror(rte_errno))};
    }
    make_devices();
    make_tables();
    make_workers();
}

void Machine::make_devices() {
    static unsigned number = 0;  // the EAL does not forget a name
    const auto attach = [&](std::uint16_t queues, std::vector<std::uint16_t> vlans) {
        devices_.push_back(or_throw(homeward::ports::Port::attach(
            {.name = "rig", .device = fmt::format("net_null{}", number++), .vlans = std::move(vlans)})));
        or_throw(devices_.back().start(queues, pool_));
    };
    if (shape_.one_device) {
        attach(shape_.access_queues, {Shape::kAccessVlan, Shape::kHomeVlan});
        places_ = {{.device = 0, .vlan = Shape::kAccessVlan}, {.device = 0, .vlan = Shape::kHomeVlan}};
    } else {
        attach(shape_.access_queues, {});
        attach(shape_.home_queues, {});
        places_ = {{.device = 0}, {.device = 1}};
    }
    for (const homeward::ports::Port& device : devices_) {
        if (device.id() != static_cast<std::uint16_t>(&device - devices_.data())) {
            throw std::runtime_error{"the devices' ids are not what workers take them for"};
        }
    }
}

/// What netlink tells in life: routes and neighbours. Packets to home addresses that nobody has go nowhere.
void Machine::make_tables() {
    using namespace homeward::wire;
    using enum tables::RouteKind;
    tables_ = std::make_unique<tables::Tables>(kWorkers);
    tables_->set_port(kAccess, {.name = "access", .mac = device(kAccess).mac(), .present = true});
    tables_->set_port(kHome, {.name = "home", .mac = device(kHome).mac(), .present = true});
    const Ipv4Address access_gateway{Fleet::kAccessGateway}, home_gateway{Fleet::kHomeGateway};
    const auto route = [&](std::uint32_t network, std::uint8_t length, tables::Route way) {
        tables_->routes().put(Ipv4Prefix::of(Ipv4Address{network}, length), way);
    };
    route(Fleet::kHomeAgent, 32, {local, kAccess});
    route(Fleet::kAccessNetwork, 10, {unicast, kAccess, access_gateway});
    route(Fleet::kPeer, 15, {unicast, kHome, home_gateway});
    route(Fleet::kHomeNetwork, 12, {blackhole});
    tables_->neighbours().put(kAccess, access_gateway, Fleet::kFarMac, tables::NeighbourState::reachable);
    tables_->neighbours().put(kHome, home_gateway, Fleet::kFarMac, tables::NeighbourState::reachable);
}

void Machine::make_workers() {
    std::vector<homeward::exception::Twin> twins;
    for (const std::uint16_t port : {kAccess, kHome}) {
        twins.push_back(
            or_throw(homeward::exception::Twin::attach(fmt::format("rig{}", port), device(port).mac(), 1500)));
        hand_over_.push_back(rte_ring_create(fmt::format("hand_over_{}", port).c_str(), 1024, 0, RING_F_SC_DEQ));
    }
    requests_ = rte_ring_create_elem("requests", sizeof(homeward::pipeline::Request), 4096, 0, RING_F_SC_DEQ);
    exception_ = or_throw(homeward::exception::ExceptionPath::create(std::move(twins), {}, pool_));
    std::vector<worker::PortQueues> queues;
    for (const homeward::ports::Port& device : devices_) {
        queues.push_back({"rig", device.rx_queues(), device.tx_queues()});
    }
    std::vector<worker::Plan> plans = worker::plan_workers(kWorkers, queues);
    redistribution_ = or_throw(
        worker::Redistribution::create(plans, worker::plan_redistribution(kWorkers, queues, shape_.redistribute), 0));
    const worker::Surroundings around{.tables = tables_.get(),
                                      .exception = exception_.get(),
                                      .requests = requests_,
                                      .hand_over = hand_over_,
                                      .multi_segment = std::vector<bool>(devices_.size(), false),
                                      .pool = pool_,
                                      .places = places_,
                                      .redistribution = redistribution_.get()};
    for (unsigned number = 0; number < kWorkers; ++number) {
        workers_.push_back(std::make_unique<worker::Worker>(number, std::move(plans[number]), around));
    }
}

void Machine::launch() {
    for (unsigned number = 0; number < kWorkers; ++number) {
        launch(number);
    }
}

void Machine::launch(unsigned worker) {
    if (!std::exchange(running_, true)) {
        exception_->start();
    }
    rte_eal_remote_launch(run_worker, workers_[worker].get(), worker + 1);
}

void Machine::stop() {
    if (running_) {
        running_ = false;
        for (const auto& worker : workers_) {
            worker->stop();
        }
        rte_eal_mp_wait_lcore();
        (void)ended.load();
        exception_->stop();
    }
}

unsigned Machine::take_down() {
    stop();
    workers_.clear();
    redistribution_.reset();
    exception_.reset();
    devices_.clear();
    std::for_each(hand_over_.begin(), hand_over_.end(), rte_ring_free);
    hand_over_.clear();
    rte_ring_free(std::exchange(requests_, nullptr));
    tables_.reset();
    return rte_mempool_in_use_count(pool_);
}

Machine::~Machine() {
    take_down();
    rte_mempool_free(pool_);
}

void Machine::pass_rounds(std::uint64_t rounds) {
    std::vector<std::uint64_t> goals;
    for (const auto& worker : workers_) {
        goals.push_back(worker->loop().rounds + rounds);
    }
    homeward::pipeline::Request request;
    for (unsigned number = 0; number < kWorkers;) {
        while (rte_ring_dequeue_elem(requests_, &request, sizeof request) == 0) {
        }
        tables_->reclaim();
        if (workers_[number]->loop().rounds >= goals[number]) {
            ++number;
        } else {
            std::this_thread::sleep_for(std::chrono::microseconds{20});
        }
    }
}

/// Out of a worker's hands, through the rings between workers, and through those to a port's home: one after the other,
/// since a worker may be ahead of the one it waits for.
void Machine::flush() {
    pass_rounds(1);
    pass_rounds(kRingRounds);
    pass_rounds(kRingRounds);
}

std::uint64_t Machine::count(stats::Drop drop) const noexcept {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) {
        sum += worker->counters().read(drop);
    }
    return sum;
}

std::uint64_t Machine::count(stats::Event event) const noexcept {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) {
        sum += worker->counters().read(event);
    }
    return sum;
}

std::uint64_t Machine::dropped() const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < stats::kDrops; ++i) {
        sum += count(static_cast<stats::Drop>(i));
    }
    return sum;
}

std::map<std::string, std::uint64_t> Machine::drops() const {
    std::map<std::string, std::uint64_t> named;
    for (std::size_t i = 0; i < stats::kDrops; ++i) {
        const auto drop = static_cast<stats::Drop>(i);
        if (const std::uint64_t counted = count(drop); counted != 0) {
            named.emplace(stats::name(drop), counted);
        }
    }
    return named;
}

}  // namespace rig
