#include "pipeline/pipeline.h"
#include "way_out.h"

namespace homeward::pipeline {

using stats::Drop;
using stats::Event;

/// The frame as it came, to the twin of the port it came by.
void Pipeline::to_kernel(Packet& packet, KernelClass kernel_class) {
    push_to_kernel(packet.port, kernel_class, packet.mbuf);
}

/// A packet without a frame. It gets one from a station that does not exist, since the kernel looks only at whether
/// the frame is for the twin.
void Pipeline::inject(Packet& packet, std::uint16_t port) {
    if (port >= tables::kMaxPorts || !shared_->ports[port].present) {
        return drop(packet, Drop::classify_no_port);
    }
    auto* ethernet = reinterpret_cast<EthernetHeader*>(rte_pktmbuf_prepend(packet.mbuf, sizeof(EthernetHeader)));
    if (ethernet == nullptr) {
        return drop(packet, Drop::forward_no_headroom);
    }
    *ethernet = {shared_->ports[port].mac, {0x02, 0, 0, 0, 0, 0x01}, be16{kEtherTypeIpv4}};
    push_to_kernel(port, KernelClass::other, packet.mbuf);
}

void Pipeline::push_to_kernel(std::uint16_t port, KernelClass kernel_class, rte_mbuf* frame) {
    if (!output_->to_kernel[port][static_cast<std::size_t>(kernel_class)].push(frame)) {
        return drop(frame, Drop::output_full);
    }
    output_->kernel_ports |= 1U << port;
    counters_.count(Event::to_kernel_packets);
}

/// What the kernel sends to others leaves as it is.
void Pipeline::leave_by_port(Packet& packet) {
    counters_.count(Event::from_kernel_packets);
    push_tx(packet.port, packet.mbuf);
}

}  // namespace homeward::pipeline
