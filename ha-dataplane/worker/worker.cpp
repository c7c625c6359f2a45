#include "worker/worker.h"

#include <rte_cycles.h>
#include <sys/prctl.h>

#include <ctime>

namespace homeward::worker {
namespace {

/// A driver whose ring is full gets this many further chances: an AF_XDP device empties it in the call itself.
constexpr unsigned kTxAttempts = 4;

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace

Worker::Worker(unsigned number, Plan plan, const Surroundings& surroundings)
    : number_(number),
      plan_(std::move(plan)),
      around_(surroundings),
      counters_(std::make_unique<stats::Counters>()),
      idle_(surroundings.may_sleep),
      pipeline_(std::make_unique<pipeline::Pipeline>(pipeline::Pipeline::Config{
          .tables = surroundings.tables,
          .counters = counters_.get(),
          .pool = surroundings.pool,
          .tsc_hz = rte_get_tsc_hz(),
          .reassembly = surroundings.reassembly,
      })),
      output_(std::make_unique<pipeline::Output>()) {}

void Worker::run() {
    prctl(PR_SET_TIMERSLACK, 1UL);
    tables::Quiescence& quiescence = around_.tables->quiescence();
    quiescence.online(number_);
    while (!stopping_.load(std::memory_order_relaxed)) {
        const std::uint64_t now = rte_rdtsc();
        const unsigned packets = poll_wire(now) + poll_kernel(now) + poll_hand_over();
        pipeline_->tick(now, *output_);
        flush();
        quiescence.quiescent(number_);
        count_round(packets);
        if (const std::uint32_t nanoseconds = idle_.after(packets); nanoseconds != 0) {
            quiescence.offline(number_);
            nap(nanoseconds);
            quiescence.online(number_);
        }
    }
    quiescence.offline(number_);
}

unsigned Worker::poll_wire(std::uint64_t now) {
    unsigned total = 0;
    std::array<rte_mbuf*, kBurst> packets;
    for (const RxQueue& rx : plan_.rx) {
        const unsigned count = rte_eth_rx_burst(rx.port, rx.queue, packets.data(), kBurst);
        if (count != 0) {
            pipeline_->process(rx.port, pipeline::Origin::wire, packets.data(), count, now, *output_);
            flush();
            total += count;
        }
    }
    return total;
}

unsigned Worker::poll_kernel(std::uint64_t now) {
    unsigned total = 0;
    std::array<rte_mbuf*, kBurst> packets;
    for (const std::uint16_t port : plan_.home_ports) {
        const unsigned count = around_.exception->from_kernel(port, packets.data(), kBurst);
        if (count != 0) {
            pipeline_->process(port, pipeline::Origin::kernel, packets.data(), count, now, *output_);
            flush();
            total += count;
        }
    }
    return total;
}

unsigned Worker::poll_hand_over() {
    unsigned total = 0;
    std::array<rte_mbuf*, kBurst> packets;
    for (const std::uint16_t port : plan_.home_ports) {
        const unsigned count =
            rte_ring_dequeue_burst(around_.hand_over[port], reinterpret_cast<void**>(packets.data()), kBurst, nullptr);
        if (count != 0) {
            flush_tx(port, packets.data(), count);
            total += count;
        }
    }
    return total;
}

void Worker::flush() {
    for (std::uint32_t rest = output_->tx_ports; rest != 0; rest &= rest - 1) {
        const auto port = static_cast<std::uint16_t>(__builtin_ctz(rest));
        flush_tx(port, output_->tx[port].items.data(), output_->tx[port].count);
    }
    for (std::uint32_t rest = output_->kernel_ports; rest != 0; rest &= rest - 1) {
        flush_kernel(static_cast<std::uint16_t>(__builtin_ctz(rest)));
    }
    if (output_->requests.count != 0) {
        const unsigned sent = rte_ring_enqueue_burst_elem(around_.requests, output_->requests.items.data(),
                                                          sizeof(pipeline::Request), output_->requests.count, nullptr);
        if (sent != output_->requests.count) {
            counters_->count(stats::Event::requests_lost, output_->requests.count - sent);
        }
    }
    output_->clear();
}

void Worker::flush_tx(std::uint16_t port, rte_mbuf** packets, unsigned count) {
    if (!around_.multi_segment[port]) {
        count = linearize(packets, count);
    }
    unsigned sent = 0;
    if (const auto queue = plan_.tx[port]) {
        for (unsigned attempt = 0; sent != count && attempt <= kTxAttempts; ++attempt) {
            sent += rte_eth_tx_burst(port, *queue, packets + sent, static_cast<std::uint16_t>(count - sent));
        }
    } else {
        sent = rte_ring_enqueue_burst(around_.hand_over[port], reinterpret_cast<void* const*>(packets), count, nullptr);
    }
    drop(packets + sent, count - sent, stats::Drop::port_tx_full);
}

/// Makes one segment of each packet for a device that would send only the first; returns how many remain.
unsigned Worker::linearize(rte_mbuf** packets, unsigned count) {
    unsigned kept = 0;
    for (unsigned i = 0; i < count; ++i) {
        if (packets[i]->nb_segs > 1 && rte_pktmbuf_linearize(packets[i]) != 0) {
            drop(packets + i, 1, stats::Drop::port_tx_segments);
        } else {
            packets[kept++] = packets[i];
        }
    }
    return kept;
}

void Worker::flush_kernel(std::uint16_t port) {
    for (std::size_t kind = 0; kind < pipeline::kKernelClasses; ++kind) {
        auto& list = output_->to_kernel[port][kind];
        for (unsigned i = 0; i < list.count; ++i) {
            list.items[i]->port = port;
        }
        const unsigned taken =
            around_.exception->to_kernel(static_cast<pipeline::KernelClass>(kind), list.items.data(), list.count);
        drop(list.items.data() + taken, list.count - taken, stats::Drop::exception_ring_full);
    }
}

void Worker::drop(rte_mbuf** packets, unsigned count, stats::Drop reason) {
    if (count != 0) {
        counters_->drop(reason, count);
        rte_pktmbuf_free_bulk(packets, count);
    }
}

void Worker::nap(std::uint32_t nanoseconds) {
    const timespec time{.tv_sec = 0, .tv_nsec = static_cast<long>(nanoseconds)};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
    add(loop_.naps, 1);
}

void Worker::count_round(unsigned packets) {
    add(loop_.rounds, 1);
    if (packets != 0) {
        add(loop_.busy_rounds, 1);
        add(loop_.packets, packets);
    }
}

}  // namespace homeward::worker
