#include "worker/worker.h"

#include <rte_cycles.h>
#include <rte_prefetch.h>
#include <sys/prctl.h>

#include <algorithm>
#include <ctime>

namespace homeward::worker {
namespace {

/// A driver whose ring is full gets this many further chances: an AF_XDP device empties it in the call itself.
constexpr unsigned kTxAttempts = 4;

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

std::uint64_t bytes_of(rte_mbuf* const* packets, unsigned count) {
    std::uint64_t bytes = 0;
    for (unsigned i = 0; i < count; ++i) {
        bytes += rte_pktmbuf_pkt_len(packets[i]);
    }
    return bytes;
}

}  // namespace

Worker::Worker(unsigned number, Plan plan, const Surroundings& surroundings)
    : number_(number),
      plan_(std::move(plan)),
      around_(surroundings),
      counters_(std::make_unique<stats::Counters>()),
      own_(std::make_unique<Own>(surroundings.may_sleep, pipeline::Pipeline::Config{
                                                             .tables = surroundings.tables,
                                                             .counters = counters_.get(),
                                                             .pool = surroundings.pool,
                                                             .tsc_hz = rte_get_tsc_hz(),
                                                             .reassembly = surroundings.reassembly,
                                                             .resend_ms = surroundings.resend_ms,
                                                         })) {
    if (around_.places.empty()) {
        for (std::uint16_t device = 0; device < plan_.tx.size(); ++device) {
            around_.places.push_back({.device = device});
        }
    }
    for (std::uint16_t device = 0; device < plan_.tx.size(); ++device) {
        devices_.emplace_back(device, around_.places);
    }
    for (std::uint16_t port = 0; port < around_.places.size(); ++port) {
        if (std::count(plan_.home_devices.begin(), plan_.home_devices.end(), around_.places[port].device) != 0) {
            home_ports_.push_back(port);
        }
    }
}

void Worker::run() {
    prctl(PR_SET_TIMERSLACK, 1UL);
    tables::Quiescence& quiescence = around_.tables->quiescence();
    quiescence.online(number_);
    while (!stopping_.load(std::memory_order_relaxed)) {
        const std::uint64_t now = rte_rdtsc();
        const unsigned packets = poll_wire(now) + poll_inbox(now) + poll_kernel(now) + poll_hand_over();
        own_->pipeline.tick(now, own_->output);
        flush();
        quiescence.quiescent(number_);
        count_round(packets);
        if (const std::uint32_t nanoseconds = own_->idle.after(packets); nanoseconds != 0) {
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
        unsigned count = rte_eth_rx_burst(rx.device, rx.queue, packets.data(), kBurst);
        total += count;
        if (count != 0 && around_.redistribution != nullptr && around_.redistribution->covers(rx.device)) {
            count = pass_on(rx.device, packets.data(), count);
        }
        if (count != 0) {
            receive(rx.device, packets.data(), count, now);
        }
    }
    return total;
}

/// What other workers received and this one is to process. Frames of several devices may lie in one ring.
unsigned Worker::poll_inbox(std::uint64_t now) {
    unsigned total = 0;
    std::array<rte_mbuf*, kBurst> packets;
    for (rte_ring* ring : inbox()) {
        const unsigned count =
            rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(packets.data()), kBurst, nullptr);
        for (unsigned i = 0; i < count; ++i) {
            rte_prefetch0(packets[i]);
        }
        for (unsigned first = 0, end = 0; first < count; first = end) {
            const std::uint16_t device = packets[first]->port;
            while (end < count && packets[end]->port == device) {
                ++end;
            }
            receive(device, packets.data() + first, end - first, now);
        }
        total += count;
    }
    return total;
}

std::span<rte_ring* const> Worker::inbox() const noexcept {
    return around_.redistribution == nullptr ? std::span<rte_ring* const>{} : around_.redistribution->inbox(number_);
}

unsigned Worker::pass_on(std::uint16_t device, rte_mbuf** frames, unsigned count) {
    const unsigned kept = around_.redistribution->pass_on(number_, device, frames, count, own_->refused);
    add(own_->loop.passed_on, count - kept - own_->refused.count);
    drop(own_->refused.items.data(), own_->refused.count, stats::Drop::redistribute_ring_full);
    own_->refused.count = 0;
    return kept;
}

void Worker::receive(std::uint16_t device, rte_mbuf** frames, unsigned count, std::uint64_t now) {
    if (!devices_[device].plain()) {
        return receive_tagged(device, frames, count, now);
    }
    process(devices_[device].untagged(), pipeline::Origin::wire, frames, count, now);
}

/// A burst by port, each port's frames in their order.
void Worker::receive_tagged(std::uint16_t device, rte_mbuf** frames, unsigned count, std::uint64_t now) {
    std::uint32_t ports = 0;
    for (unsigned i = 0; i < count; ++i) {
        const std::uint16_t port = devices_[device].sort(*frames[i]);
        if (port == tables::kNoPort) {
            drop(frames + i, 1, stats::Drop::port_unknown_vlan);
        } else {
            own_->by_port[port].push(frames[i]);
            ports |= 1U << port;
        }
    }
    for (; ports != 0; ports &= ports - 1) {
        const auto port = static_cast<std::uint16_t>(__builtin_ctz(ports));
        auto& list = own_->by_port[port];
        if (around_.places[port].vlan != 0) {
            add(own_->vlan_counters[port].rx_packets, list.count);
            add(own_->vlan_counters[port].rx_bytes, bytes_of(list.items.data(), list.count));
        }
        process(port, pipeline::Origin::wire, list.items.data(), list.count, now);
        list.count = 0;
    }
}

void Worker::process(std::uint16_t port, pipeline::Origin origin, rte_mbuf** frames, unsigned count,
                     std::uint64_t now) {
    own_->pipeline.process(port, origin, frames, count, now, own_->output);
    flush();
}

unsigned Worker::poll_kernel(std::uint64_t now) {
    unsigned total = 0;
    std::array<rte_mbuf*, kBurst> packets;
    for (const std::uint16_t port : home_ports_) {
        const unsigned count = around_.exception->from_kernel(port, packets.data(), kBurst);
        if (count != 0) {
            process(port, pipeline::Origin::kernel, packets.data(), count, now);
            total += count;
        }
    }
    return total;
}

unsigned Worker::poll_hand_over() {
    unsigned total = 0;
    std::array<rte_mbuf*, kBurst> packets;
    for (const std::uint16_t port : home_ports_) {
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
    pipeline::Output& output = own_->output;
    for (std::uint32_t rest = output.tx_ports; rest != 0; rest &= rest - 1) {
        const auto port = static_cast<std::uint16_t>(__builtin_ctz(rest));
        flush_tx(port, output.tx[port].items.data(), output.tx[port].count);
    }
    for (std::uint32_t rest = output.kernel_ports; rest != 0; rest &= rest - 1) {
        flush_kernel(static_cast<std::uint16_t>(__builtin_ctz(rest)));
    }
    if (output.requests.count != 0) {
        const unsigned sent = rte_ring_enqueue_burst_elem(around_.requests, output.requests.items.data(),
                                                          sizeof(pipeline::Request), output.requests.count, nullptr);
        if (sent != output.requests.count) {
            counters_->count(stats::Event::requests_lost, output.requests.count - sent);
        }
    }
    output.clear();
}

void Worker::flush_tx(std::uint16_t port, rte_mbuf** packets, unsigned count) {
    const Place& place = around_.places[port];
    if (!around_.multi_segment[place.device]) {
        count = linearize(packets, count);
    }
    unsigned sent = 0;
    if (const auto queue = plan_.tx[place.device]) {
        if (place.vlan != 0) {
            count = put_tags(port, packets, count);
        }
        count = prepare(place.device, *queue, packets, count);
        for (unsigned attempt = 0; sent != count && attempt <= kTxAttempts; ++attempt) {
            sent += rte_eth_tx_burst(place.device, *queue, packets + sent, static_cast<std::uint16_t>(count - sent));
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

/// Returns how many remain.
unsigned Worker::put_tags(std::uint16_t port, rte_mbuf** packets, unsigned count) {
    unsigned kept = 0;
    std::uint64_t bytes = 0;
    for (unsigned i = 0; i < count; ++i) {
        const std::uint32_t length = rte_pktmbuf_pkt_len(packets[i]);
        if (tag(*packets[i], around_.places[port])) {
            packets[kept++] = packets[i];
            bytes += length;
        } else {
            drop(packets + i, 1, stats::Drop::port_no_headroom);
        }
    }
    add(own_->vlan_counters[port].tx_packets, kept);
    add(own_->vlan_counters[port].tx_bytes, bytes);
    return kept;
}

/// Lets the driver see to what its offloads want of a packet beyond the flags; most want nothing. Returns how many
/// remain.
unsigned Worker::prepare(std::uint16_t device, std::uint16_t queue, rte_mbuf** packets, unsigned count) {
    unsigned kept = 0;
    for (unsigned done = 0; done < count;) {
        const unsigned good =
            rte_eth_tx_prepare(device, queue, packets + done, static_cast<std::uint16_t>(count - done));
        std::copy_n(packets + done, kept == done ? 0 : good, packets + kept);
        kept += good;
        done += good;
        if (done < count) {
            drop(packets + done++, 1, stats::Drop::port_tx_refused);
        }
    }
    return kept;
}

void Worker::flush_kernel(std::uint16_t port) {
    for (std::size_t kind = 0; kind < pipeline::kKernelClasses; ++kind) {
        auto& list = own_->output.to_kernel[port][kind];
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
    add(own_->loop.naps, 1);
}

void Worker::count_round(unsigned packets) {
    add(own_->loop.rounds, 1);
    if (packets != 0) {
        add(own_->loop.busy_rounds, 1);
        add(own_->loop.packets, packets);
    }
}

}  // namespace homeward::worker
