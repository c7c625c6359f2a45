#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mip/authenticator.h"
#include "mip/extension.h"
#include "mip/identification.h"
#include "mip/malformed.h"
#include "wire/cursor.h"
#include "wire/ipv4.h"

namespace homeward::mip {

/// Registration reply codes (RFC 5944 §3.4 and its extensions). 64–127 come from foreign agents; a node without one
/// treats them as denials.
enum class ReplyCode : std::uint8_t {
    accepted = 0,
    accepted_without_simultaneous = 1,
    unspecified = 128,
    administratively_prohibited = 129,
    insufficient_resources = 130,
    authentication_failed = 131,
    foreign_agent_authentication_failed = 132,
    identification_mismatch = 133,
    poorly_formed = 134,
    too_many_bindings = 135,
    unknown_home_agent = 136,
    reverse_tunnel_unavailable = 137,
    reverse_tunnel_mandatory = 138,
    encapsulation_unavailable = 139,
    unsupported_vendor = 140,
    unsupported_vendor_of_foreign_agent = 141,
    udp_encapsulation_unavailable = 142,
    redirected_home_agent = 143,
    multipath_not_allowed = 152,
    invalid_binding_identifier = 153,
};

constexpr bool accepted(ReplyCode code) noexcept {
    return static_cast<std::uint8_t>(code) <= 1;
}
/// What the code means, for people: "identification mismatch"; unknown codes are "unknown code 99".
std::string text(ReplyCode code);

inline constexpr std::size_t kReplyHeaderSize = 20;

struct ReplyHeader {
    ReplyCode code = ReplyCode::accepted;
    std::uint16_t lifetime = 0;  ///< granted, seconds; without meaning in a denial
    wire::Ipv4Address home_address;
    wire::Ipv4Address home_agent;
    Identification identification;

    friend bool operator==(const ReplyHeader&, const ReplyHeader&) = default;
};

/// A reply that may be authenticated. Views into the datagram, which must outlive it.
struct ReplyFrame {
    wire::ByteView datagram;
    ReplyHeader header;
    Authentication authentication;
    std::string_view nai;
};

struct RegistrationReply {
    ReplyHeader header;
    std::optional<std::string> nai;
    std::optional<UdpTunnelReply> udp_tunnel;
    std::optional<RevocationSupport> revocation;
    std::vector<VendorExtension> vendor;

    friend bool operator==(const RegistrationReply&, const RegistrationReply&) = default;
};

/// As for requests; a node drops a reply silently in either stage.
std::variant<ReplyFrame, Unframed> frame_reply(wire::ByteView datagram) noexcept;
std::variant<RegistrationReply, Malformed> decode_reply(const ReplyFrame& frame);

/// The UDP payload, signed.
wire::Bytes encode(const RegistrationReply& reply, const Authenticator& authenticator);
wire::Bytes encode_unsigned(const RegistrationReply& reply);

}  // namespace homeward::mip
