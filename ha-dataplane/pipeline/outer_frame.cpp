#include "pipeline/outer_frame.h"

#include <homeward/tunnel.h>

#include "checksum.h"

namespace homeward::pipeline {

OuterFrame::OuterFrame(const EthernetHeader& ethernet, const ipc::Settings& settings) noexcept {
    struct Bytes {
        EthernetHeader ethernet;
        TunnelHeaders headers;
    } const bytes{
        ethernet,
        {.ip = {.version_ihl = 0x45,
                .fragment = be16{Ipv4Header::kDontFragment},
                .ttl = kTunnelTtl,
                .protocol = kProtocolUdp,
                .source = be32{settings.home_agent}},
         .udp = {.source_port = be16{settings.tunnel_port}},
         .tunnel = {HOMEWARD_TUNNEL_TYPE_DATA, HOMEWARD_NEXT_HEADER_IPV4, {}}},
    };
    static_assert(sizeof bytes == kSize);
    const auto* from = reinterpret_cast<const std::uint8_t*>(&bytes);
    std::memcpy(head_, from, sizeof head_);  // as far as the first half of the destination, which is 0
    std::memcpy(&source_port_, &bytes.headers.udp, sizeof source_port_);
    std::memcpy(&tail_, &bytes.headers.udp.length, sizeof tail_);
    pseudo_sum_ = fold(std::uint64_t{bytes.headers.ip.source.raw()} + be16{kProtocolUdp}.raw());
    source_ports_ = every(source_port_);
    pseudo_sums_ = every(pseudo_sum_);
    tunnels_ = every(static_cast<std::uint32_t>(tail_ >> 32));
    kept_ = every(0xffU | std::uint32_t{kept_of_tos(settings.ecn)} << 8);
}

}  // namespace homeward::pipeline
