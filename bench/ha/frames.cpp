#include "frames.h"

#include <homeward/tunnel.h>
#include <rte_ip.h>

#include <cstring>

namespace bench {
namespace {

using pipeline::be16;
using pipeline::be32;

constexpr unsigned kEthernet = sizeof(pipeline::EthernetHeader);

void write_ethernet(std::uint8_t* at, std::uint16_t port) {
    const pipeline::EthernetHeader header{
        {2, 0, 0, 0, 0, static_cast<std::uint8_t>(port)}, kGatewayMac, be16{pipeline::kEtherTypeIpv4}};
    std::memcpy(at, &header, sizeof header);
}

void write_ip(std::uint8_t* at, std::uint16_t length, std::uint32_t source, std::uint32_t destination) {
    auto& ip = *reinterpret_cast<pipeline::Ipv4Header*>(at);
    ip = {.version_ihl = 0x45,
          .tos = 0,
          .total_length = be16{length},
          .id = be16{0},
          .fragment = be16{pipeline::Ipv4Header::kDontFragment},
          .ttl = 64,
          .protocol = pipeline::kProtocolUdp,
          .checksum = be16{0},
          .source = be32{source},
          .destination = be32{destination}};
    ip.checksum = be16::from_raw(rte_ipv4_cksum(reinterpret_cast<const rte_ipv4_hdr*>(at)));
}

void write_udp(std::uint8_t* at, std::uint16_t from, std::uint16_t to, std::uint16_t length) {
    // The checksum is open: a home agent looks at the outer header's alone, which `finish_udp` fills in.
    *reinterpret_cast<pipeline::UdpHeader*>(at) = {be16{from}, be16{to}, be16{length}, be16{0}};
}

/// Once everything behind it is written: whoever must verify it in software pays for every byte.
void finish_udp(std::uint8_t* ip) {
    auto& udp = *reinterpret_cast<pipeline::UdpHeader*>(ip + 20);
    udp.checksum = be16::from_raw(rte_ipv4_udptcp_cksum(reinterpret_cast<const rte_ipv4_hdr*>(ip), &udp));
}

}  // namespace

std::uint16_t Frames::inner_length() noexcept {
    ++made_;
    if (mix_ == Mix::small) {
        return 64;
    }
    const std::uint32_t turn = made_ % 12;
    return turn < 7 ? 64 : turn < 11 ? 576 : 1400;
}

std::uint32_t Frames::correspondent() noexcept {
    return made_ % 2 == 0 && population_.rules() != 0 ? Population::correspondent(random_below(population_.rules()))
                                                      : 0x80000000U | random_below(1U << 29);
}

std::uint16_t Frames::uplink(std::uint8_t* at) {
    const std::uint32_t node = random_below(population_.nodes());
    const bool cellular = (made_ & 1) != 0;
    const std::uint16_t inner = inner_length();
    const auto outer = static_cast<std::uint16_t>(inner + sizeof(pipeline::TunnelHeaders));
    write_ethernet(at, kAccess);
    write_ip(at + kEthernet, outer, Population::care_of(node, cellular), kHomeAgent);
    write_udp(at + kEthernet + 20, cellular ? kCellularPort : kWlanPort, kTunnelPort,
              static_cast<std::uint16_t>(outer - 20));
    *reinterpret_cast<pipeline::TunnelHeader*>(at + kEthernet + 28) = {
        HOMEWARD_TUNNEL_TYPE_DATA, HOMEWARD_NEXT_HEADER_IPV4, {}};
    write_ip(at + kEthernet + 32, inner, population_.home_address(node), correspondent());
    write_udp(at + kEthernet + 52, 5000, 443, static_cast<std::uint16_t>(inner - 20));
    finish_udp(at + kEthernet);
    return static_cast<std::uint16_t>(kEthernet + outer);
}

std::uint16_t Frames::downlink(std::uint8_t* at) {
    const std::uint32_t node = random_below(population_.nodes());
    const std::uint16_t inner = inner_length();
    write_ethernet(at, kHome);
    write_ip(at + kEthernet, inner, correspondent(), population_.home_address(node));
    write_udp(at + kEthernet + 20, 443, 5000, static_cast<std::uint16_t>(inner - 20));
    return static_cast<std::uint16_t>(kEthernet + inner);
}

}  // namespace bench
