#include "exception/exception_path.h"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace homeward::exception {
namespace {

constexpr unsigned kRingSize = 1024;
constexpr unsigned kBurst = 32;
/// Of one packet; a reassembled one has 16 at most.
constexpr std::size_t kSegments = 64;
/// Reads of one twin before the others and the rings get their turn.
constexpr unsigned kReads = 64;
constexpr long kShortestNapNs = 20'000, kLongestNapNs = 250'000;

std::uint64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

/// A tenth of a second's worth at once: 1,000 nodes that renew together fit the default for registrations.
TokenBucket bucket(std::uint32_t rate) {
    return {rate, std::max<std::uint64_t>(rate / 10, 16)};
}

constexpr std::array kRateDrops{stats::Drop::exception_registration_rate, stats::Drop::exception_arp_rate,
                                stats::Drop::exception_other_rate};
static_assert(kRateDrops.size() == pipeline::kKernelClasses);

}  // namespace

Result<std::unique_ptr<ExceptionPath>> ExceptionPath::create(std::vector<Twin> twins, const Limits& limits,
                                                             rte_mempool* pool) {
    std::unique_ptr<ExceptionPath> path{new ExceptionPath(std::move(twins), limits, pool)};
    if (Status made = path->make_rings(); !made) {
        return made.error();
    }
    return path;
}

ExceptionPath::ExceptionPath(std::vector<Twin> twins, const Limits& limits, rte_mempool* pool)
    : twins_(std::move(twins)),
      buckets_{bucket(limits.registration_pps), bucket(limits.arp_pps), bucket(limits.other_pps)},
      pool_(pool) {}

Status ExceptionPath::make_rings() {
    const int socket = static_cast<int>(rte_socket_id());
    bool made = true;
    for (std::size_t kind = 0; kind < to_kernel_.size(); ++kind) {
        to_kernel_[kind] = rte_ring_create(fmt::format("to_kernel_{}", kind).c_str(), kRingSize, socket, RING_F_SC_DEQ);
        made = made && to_kernel_[kind] != nullptr;
    }
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    for (std::uint32_t port = 0; port < twins_.size(); ++port) {
        from_kernel_.push_back(rte_ring_create(fmt::format("from_kernel_{}", port).c_str(), kRingSize, socket,
                                               RING_F_SP_ENQ | RING_F_SC_DEQ));
        epoll_event event{.events = EPOLLIN, .data = {.u32 = port}};
        made =
            made && from_kernel_.back() != nullptr && epoll_ctl(epoll_, EPOLL_CTL_ADD, twins_[port].fd(), &event) == 0;
    }
    return made ? Status{} : Status{Error{"no memory for the exception rings; raise dataplane.memory"}};
}

ExceptionPath::~ExceptionPath() {
    stop();
    const auto empty = [](rte_ring* ring) {
        void* packet = nullptr;
        while (ring != nullptr && rte_ring_dequeue(ring, &packet) == 0) {
            rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
        }
        rte_ring_free(ring);
    };
    std::for_each(to_kernel_.begin(), to_kernel_.end(), empty);
    std::for_each(from_kernel_.begin(), from_kernel_.end(), empty);
    if (epoll_ >= 0) {
        close(epoll_);
    }
}

void ExceptionPath::start() {
    thread_ = std::thread([this] { run(); });
}

void ExceptionPath::stop() {
    stopping_ = true;
    if (thread_.joinable()) {
        thread_.join();
    }
}

void ExceptionPath::run() {
    pthread_setname_np(pthread_self(), "hw-exception");
    prctl(PR_SET_TIMERSLACK, 1UL);
    rte_thread_register();  // for a mempool cache of our own; works without, only slower
    unsigned idle_rounds = 0;
    std::array<epoll_event, 16> events{};
    while (!stopping_.load(std::memory_order_relaxed)) {
        unsigned work = serve_rings();
        const timespec no_wait{};
        const int ready = epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &no_wait, nullptr);
        for (int i = 0; i < ready; ++i) {
            work += serve_twin(static_cast<std::uint16_t>(events[static_cast<std::size_t>(i)].data.u32));
        }
        idle_rounds = work == 0 ? idle_rounds + 1 : 0;
        if (work == 0) {
            pause(idle_rounds);
        }
    }
    rte_thread_unregister();
}

void ExceptionPath::pause(unsigned idle_rounds) {
    const long nap = std::min(kLongestNapNs, kShortestNapNs * static_cast<long>(idle_rounds));
    const timespec timeout{.tv_sec = 0, .tv_nsec = nap};
    epoll_event event{};
    epoll_pwait2(epoll_, &event, 1, &timeout, nullptr);  // ends early when the kernel has something for us
}

unsigned ExceptionPath::serve_rings() {
    unsigned work = 0;
    for (std::size_t kind = 0; kind < to_kernel_.size(); ++kind) {
        std::array<rte_mbuf*, kBurst> packets{};
        const unsigned count =
            rte_ring_dequeue_burst(to_kernel_[kind], reinterpret_cast<void**>(packets.data()), kBurst, nullptr);
        const std::uint64_t now = count == 0 ? 0 : now_ns();
        for (unsigned i = 0; i < count; ++i) {
            if (buckets_[kind].take(now)) {
                write(packets[i]);
            } else {
                counters_.drop(kRateDrops[kind]);
                rte_pktmbuf_free(packets[i]);
            }
        }
        work += count;
    }
    return work;
}

void ExceptionPath::write(rte_mbuf* packet) {
    // What was reassembled out of a tunnel may be larger than one buffer.
    std::array<iovec, kSegments> parts{};
    std::size_t count = 0;
    const rte_mbuf* segment = packet;
    for (; segment != nullptr && count < parts.size(); segment = segment->next) {
        parts[count++] = {rte_pktmbuf_mtod(segment, void*), segment->data_len};
    }
    if (segment != nullptr || packet->port >= twins_.size() ||
        ::writev(twins_[packet->port].fd(), parts.data(), static_cast<int>(count)) < 0) {
        counters_.drop(stats::Drop::exception_twin_refused);
    }
    rte_pktmbuf_free(packet);
}

unsigned ExceptionPath::serve_twin(std::uint16_t port) {
    unsigned work = 0;
    for (; work < kReads; ++work) {
        rte_mbuf* packet = read(twins_[port]);
        if (packet == nullptr) {
            break;
        }
        packet->port = port;
        if (rte_ring_enqueue(from_kernel_[port], packet) != 0) {
            counters_.drop(stats::Drop::exception_return_full);
            rte_pktmbuf_free(packet);
        }
    }
    return work;
}

rte_mbuf* ExceptionPath::read(const Twin& twin) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool_);
    if (packet == nullptr) {
        // The frame must be taken from the queue all the same, or epoll would report it for ever.
        std::array<char, 64> rest{};
        if (::read(twin.fd(), rest.data(), rest.size()) > 0) {
            counters_.drop(stats::Drop::exception_no_buffer);
        }
        return nullptr;
    }
    const ssize_t size = ::read(twin.fd(), rte_pktmbuf_mtod(packet, void*), rte_pktmbuf_tailroom(packet));
    if (size <= 0) {
        rte_pktmbuf_free(packet);
        return nullptr;
    }
    packet->data_len = static_cast<std::uint16_t>(size);
    packet->pkt_len = static_cast<std::uint32_t>(size);
    return packet;
}

}  // namespace homeward::exception
