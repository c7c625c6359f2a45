#include "pipeline/pipeline.h"

#include <rte_random.h>

#include "prefetch.h"

namespace homeward::pipeline {

Pipeline::Pipeline(const Config& config)
    : tables_(*config.tables),
      directory_(config.tables->directory().reader()),
      routes_(config.tables->routes().reader()),
      neighbours_(config.tables->neighbours()),
      counters_(*config.counters),
      pool_(config.pool),
      tsc_hz_(config.tsc_hz),
      express_lane_(config.express),
      fragments_(rte_rand()),
      reassembly_(config.reassembly, config.tsc_hz),
      resend_(config.resend_ms == 0 ? nullptr : std::make_unique<Resend>(config.resend_ms * config.tsc_hz / 1000)) {}

Pipeline::~Pipeline() {
    for (Waiting::Entry& entry : waiting_.entries()) {
        for (unsigned i = 0; i < entry.count; ++i) {
            drop(entry.packets[i], stats::Drop::stopping);
        }
    }
    for (const EarlyFragments::Entry& entry : early_.entries()) {
        if (entry.mbuf != nullptr) {
            drop(entry.mbuf, stats::Drop::stopping);
        }
    }
    free_datagrams();
}

void Pipeline::process(std::uint16_t port, Origin origin, rte_mbuf** frames, unsigned count, std::uint64_t now,
                       Output& output) {
    shared_ = &tables_.shared();
    output_ = &output;
    now_ = now;
    remember_egress();
    home_agent_ = be32{shared_->settings.home_agent};
    tunnel_port_ = be16{shared_->settings.tunnel_port};
    tos_mask_ = kept_of_tos(shared_->settings.ecn);
    counters_.count(origin == Origin::wire ? stats::Event::wire_packets : stats::Event::kernel_packets, count);
    if (port >= tables::kMaxPorts || !shared_->ports[port].present) {
        for (unsigned i = 0; i < count; ++i) {
            drop(frames[i], stats::Drop::classify_no_port);
        }
        return;
    }
    if (origin == Origin::wire && shared_->settled && express_lane_ && count != 0) {
        run_in_order(port, frames, count);
    } else {
        for (unsigned i = 0; i < count && i < kAhead; ++i) {
            prefetch_headers(frames[i]);
        }
        run_general(port, origin == Origin::wire ? Source::wire : Source::kernel, frames, count);
    }
}

/// All of these frames through every stage.
void Pipeline::run_general(std::uint16_t port, Source source, rte_mbuf** frames, unsigned count) {
    packet_count_ = 0;
    tunnelled_.count = arrived_.count = downlink_.count = transit_.count = 0;
    for (unsigned i = 0; i < count; ++i) {
        if (i + kAhead < count) {
            prefetch_frame(frames[i + kAhead]);
        }
        Packet& packet = *new_packet();
        packet.mbuf = frames[i];
        packet.port = port;
        packet.source = source;
        classify(packet);
    }
    run_stages();
}

void Pipeline::tick(std::uint64_t now, Output& output) {
    const bool resends = resend_ && !resend_->empty();
    if (waiting_.empty() && reassembly_.empty() && early_.empty() && !resends) {
        return;
    }
    shared_ = &tables_.shared();
    output_ = &output;
    now_ = now;
    if (!waiting_.empty()) {
        settle_neighbours();
    }
    if (resends) {
        resend_->expire(now);
        resend_lost();
    }
    expire_datagrams();
    if (!early_.empty()) {
        expire_early();
    }
}

void Pipeline::run_stages() {
    for (unsigned i = 0; i < tunnelled_.count; ++i) {
        decap(*tunnelled_.items[i]);
    }
    for (unsigned i = 0; i < arrived_.count; ++i) {
        dispatch(*arrived_.items[i]);
    }
    for (unsigned i = 0; i < transit_.count; ++i) {
        forward(*transit_.items[i]);
    }
    encap_all();
}

/// Null when the burst has caused more ICMP errors than it had packets.
Packet* Pipeline::new_packet() {
    if (packet_count_ == kPackets) {
        return nullptr;
    }
    Packet& packet = packets_[packet_count_++];
    packet = Packet{};
    return &packet;
}

void Pipeline::drop(Packet& packet, stats::Drop reason) {
    drop(packet.mbuf, reason);
    packet.mbuf = nullptr;
}

void Pipeline::drop(rte_mbuf* mbuf, stats::Drop reason) {
    counters_.drop(reason);
    rte_pktmbuf_free(mbuf);
}

void Pipeline::request(const Request& request) {
    if (!output_->requests.push(request)) {
        counters_.count(stats::Event::requests_lost);
    }
}

}  // namespace homeward::pipeline
