#include "vectors.h"

#include <array>
#include <charconv>

namespace homeward::mip::vectors {
namespace {

constexpr wire::Ipv4Address kHomeAddress{0x0a0a0005U};
constexpr wire::Ipv4Address kHomeAgent{0xc0000201U};
constexpr wire::Ipv4Address kCareOf{0xc0a80132U};
constexpr Identification kIdentification{0xe800000001020304U};

wire::Bytes key() {
    wire::Bytes bytes;
    for (std::uint8_t i = 0; i < 16; ++i) {
        bytes.push_back(i);
    }
    return bytes;
}

RegistrationRequest request() {
    RegistrationRequest request;
    request.header = {.flags = kColocated | kReverseTunnel,
                      .lifetime = 300,
                      .home_address = kHomeAddress,
                      .home_agent = kHomeAgent,
                      .care_of = kCareOf,
                      .identification = kIdentification};
    request.udp_tunnel = UdpTunnelRequest{.encapsulation = kEncapsulationFromFlags};
    return request;
}

}  // namespace

wire::Bytes from_hex(std::string_view hex) {
    wire::Bytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        std::uint8_t byte = 0;
        std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
        bytes.push_back(byte);
    }
    return bytes;
}

std::string to_hex(wire::ByteView bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (const std::uint8_t byte : bytes) {
        hex += digits[byte >> 4];
        hex += digits[byte & 15];
    }
    return hex;
}

Authenticator md5() {
    return {256, Algorithm::hmac_md5, key()};
}
Authenticator sha256() {
    return {257, Algorithm::hmac_sha256, key()};
}

RegistrationRequest request_md5() {
    RegistrationRequest result = request();
    result.udp_tunnel->encapsulation = kEncapsulationIp;
    return result;
}

RegistrationRequest request_sha256() {
    RegistrationRequest result = request();
    result.nai = "mn@ex";
    return result;
}

RegistrationRequest request_multipath() {
    RegistrationRequest result = request();
    result.multipath = Multipath{.technology = 4, .label = 1, .binding_id = 1};
    FlowBinding binding;
    binding.binding_ids = {2, 1};
    binding.selector.source = {{wire::Ipv4Address{0xc6336400U}, wire::Ipv4Address{0xc63364ffU}}};
    result.flow_bindings.push_back(binding);
    return result;
}

RegistrationReply reply_md5() {
    RegistrationReply reply;
    reply.header = {
        .lifetime = 60, .home_address = kHomeAddress, .home_agent = kHomeAgent, .identification = kIdentification};
    reply.udp_tunnel = UdpTunnelReply{.keepalive_s = 110};
    return reply;
}

Keepalive keepalive() {
    return {.source = kHomeAddress,
            .destination = kHomeAgent,
            .packet_id = 7,
            .identifier = 1,
            .sequence = 1,
            .nonce = 0x6b656570616c6976};
}

}  // namespace homeward::mip::vectors
