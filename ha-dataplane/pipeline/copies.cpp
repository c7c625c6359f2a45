#include <algorithm>
#include <utility>

#include "pipeline/pipeline.h"

// Tunnel packets that leave more than once. Their payloads are shared, their headers are each one's own:
//
//     first    ║ headers │ payload ║          the buffer it came in
//     others   ║ headers ║──► payload          a buffer for the headers, chained to a clone

namespace homeward::pipeline {

using stats::Event;

/// The payload of a wrapped packet, shared; null: no buffer.
rte_mbuf* Pipeline::share_payload(const Packet& packet) {
    rte_mbuf* payload = rte_pktmbuf_clone(packet.mbuf, pool_);
    if (payload == nullptr) {
        counters_.count(Event::copies_lost);
        return nullptr;
    }
    forget_offloads(*payload);
    rte_pktmbuf_adj(payload, sizeof(TunnelHeaders));
    return payload;
}

/// The packet has its uplink; the next one that is up gets a copy. A node whose packets have no numbers could not tell.
void Pipeline::take_second_up(Packet& packet, const policy::LabelList& names) {
    const tables::Binding& binding = *packet.binding;
    const std::uint32_t order = binding.order.load(std::memory_order_acquire);
    if ((order & tables::Binding::kNumbered) == 0) {
        return;
    }
    for (const policy::Label name : names) {
        if (name == packet.uplink.name()) {
            continue;
        }
        for (unsigned position = 0; position < tables::Binding::count(order); ++position) {
            const unsigned slot = tables::Binding::slot(order, position);
            const tables::UplinkWord word = binding.uplink(slot);
            if (word.up() && word.name() == name && !word.plain()) {
                packet.second = word;
                packet.tunnel_mtu = std::min(packet.tunnel_mtu, binding.mtu(slot));
                return;
            }
        }
    }
}

/// A packet that is wrapped and on its way out, once more into another tunnel or for later.
void Pipeline::make_copies(const Packet& packet, const Ipv4Header& inner, std::uint16_t number) {
    if (packet.second.present()) {
        if (rte_mbuf* payload = share_payload(packet); payload != nullptr) {
            counters_.count(Event::downlink_copies);
            wrap_copy(payload, inner, packet.second, number);
        }
        return;  // two are under way: nothing needs to be kept
    }
    // A fragment may have to wait for its first one, for which the round that sends again has no place.
    if (resend_ && !inner.is_fragment()) {
        if (rte_mbuf* payload = share_payload(packet); payload != nullptr) {
            resend_->keep(packet.binding->rest->numbered.load(std::memory_order_relaxed),
                          {payload, packet.binding, packet.uplink, number, now_});
        }
    }
}

/// Takes the payload.
void Pipeline::wrap_copy(rte_mbuf* payload, const Ipv4Header& inner, tables::UplinkWord uplink, std::uint16_t number) {
    Packet copy;
    copy.mbuf = rte_pktmbuf_alloc(pool_);
    auto* headers = copy.mbuf == nullptr
                        ? nullptr
                        : reinterpret_cast<TunnelHeaders*>(rte_pktmbuf_append(copy.mbuf, sizeof(TunnelHeaders)));
    if (headers == nullptr || rte_pktmbuf_chain(copy.mbuf, payload) != 0) {
        rte_pktmbuf_free(copy.mbuf);
        rte_pktmbuf_free(payload);
        return counters_.count(Event::copies_lost);
    }
    write_tunnel(*headers, inner, uplink, number);
    copy.ip = &headers->ip;
    copy.source = Source::own;
    copy.framed = false;
    copy.wrapped = true;
    copy.uplink = uplink;
    transmit(copy);
}

/// Some node's uplinks changed: what left by one that is not there or not up any more leaves again by another.
void Pipeline::resend_lost() {
    const std::uint32_t changes = tables_.numberings().changes();
    if (changes == resend_changes_) {
        return;
    }
    resend_changes_ = changes;
    resend_->for_each([this](Resend::Sent& sent) {
        if (carries(*sent.binding, sent.uplink)) {
            return;
        }
        Packet packet;
        packet.mbuf = std::exchange(sent.payload, nullptr);
        packet.ip = rte_pktmbuf_mtod(packet.mbuf, Ipv4Header*);
        packet.binding = sent.binding;
        packet.source = Source::own;
        packet.framed = false;
        packet.waited = true;
        if (choose_uplink(packet)) {
            if (packet.uplink.plain()) {  // no number there, and nobody could tell it from what came
                rte_pktmbuf_free(packet.mbuf);
                return counters_.count(Event::copies_lost);
            }
            const Ipv4Header inner = *packet.ip;
            counters_.count(Event::resent_packets);
            wrap_copy(packet.mbuf, inner, packet.uplink, sent.number);
        }
    });
}

/// Whether that uplink is up still.
bool Pipeline::carries(const tables::Binding& binding, tables::UplinkWord uplink) {
    const std::uint32_t order = binding.order.load(std::memory_order_acquire);
    for (unsigned position = 0; position < tables::Binding::count(order); ++position) {
        const tables::UplinkWord word = binding.uplink(tables::Binding::slot(order, position));
        if (word.up() && word.has_tuple(uplink.wire_care_of(), uplink.wire_port())) {
            return true;
        }
    }
    return false;
}

}  // namespace homeward::pipeline
