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

/// Registration requests (RFC 5944 §3.3), in two stages, because what an error is answered with depends on whether
/// the sender is known:
///
///   1. `frame_request` checks only what must hold to find the association and check the authenticator. It allocates
///      nothing. A failure is answered with silence.
///   2. After `Authenticator::verify` (and the checks of identification and addresses, which need only the header),
///      `decode_request` reads the extensions. A failure is answered with code 134.
namespace homeward::mip {

enum RequestFlag : std::uint8_t {
    kSimultaneous = 0x80,   ///< S
    kBroadcast = 0x40,      ///< B
    kColocated = 0x20,      ///< D
    kMinimal = 0x10,        ///< M
    kGre = 0x08,            ///< G
    kReverseTunnel = 0x02,  ///< T
};

inline constexpr std::uint16_t kInfiniteLifetime = 0xffff;
inline constexpr std::size_t kRequestHeaderSize = 24;

struct RequestHeader {
    std::uint8_t flags = 0;      ///< RequestFlag; r and x are kept out on sending and ignored on receipt
    std::uint16_t lifetime = 0;  ///< seconds; 0 deregisters
    wire::Ipv4Address home_address;
    wire::Ipv4Address home_agent;
    wire::Ipv4Address care_of;
    Identification identification;

    bool has(RequestFlag flag) const noexcept { return (flags & flag) != 0; }
    friend bool operator==(const RequestHeader&, const RequestHeader&) = default;
};

/// A request that may be authenticated. Views into the datagram, which must outlive it.
struct RequestFrame {
    wire::ByteView datagram;
    RequestHeader header;
    Authentication authentication;
    std::string_view nai;  ///< the first one before the authentication; empty: none
};

/// All that a request says. Only what stands before the authentication is here: the rest nobody vouches for.
struct RegistrationRequest {
    RequestHeader header;
    std::optional<std::string> nai;
    /// Absent also when it asks for something we do not understand (subtype, Reserved 3): RFC 3519 §3.1.3.
    std::optional<UdpTunnelRequest> udp_tunnel;
    std::optional<RevocationSupport> revocation;
    std::optional<Multipath> multipath;
    std::vector<FlowBinding> flow_bindings;  ///< in message order: the first that matches decides
    std::vector<VendorExtension> vendor;

    friend bool operator==(const RegistrationRequest&, const RegistrationRequest&) = default;
};

std::variant<RequestFrame, Unframed> frame_request(wire::ByteView datagram) noexcept;
std::variant<RegistrationRequest, Malformed> decode_request(const RequestFrame& frame);

/// The UDP payload, signed: the fixed part, extensions in the order of the struct, one authentication.
wire::Bytes encode(const RegistrationRequest& request, const Authenticator& authenticator);
/// The same without the authentication.
wire::Bytes encode_unsigned(const RegistrationRequest& request);

}  // namespace homeward::mip
