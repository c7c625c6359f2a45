#pragma once

#include <cstdint>
#include <string_view>

namespace homeward::mip {

/// Why a datagram is dropped without an answer: nobody has proved to have sent it (validity rows 1–3).
enum class Unframed : std::uint8_t {
    wrong_type,               ///< the first byte is not the message's type
    too_short,                ///< shorter than the fixed part
    extension_overrun,        ///< an extension passes the end of the datagram
    unknown_extension,        ///< a type in 0–127 that we do not implement (RFC 5944 §1.10), 36 and 38 among them
    no_authentication,        ///< no Mobile-Home Authentication Extension, or one without room for an SPI
    several_authentications,  ///< more than one
};

/// Why a message that proved to be authentic is refused (validity row 8, code 134).
enum class Malformed : std::uint8_t {
    nai_length,  ///< empty
    several_nais,
    udp_tunnel_length,
    udp_tunnel_without_d,             ///< 144 before the authentication, D = 0 (RFC 3519 §4.6)
    udp_tunnel_after_authentication,  ///< 144 after the authentication, D = 1
    multipath_length,
    several_multipaths,
    multipath_bulk_and_overwrite,  ///< B and O
    multipath_overwrite_without_lifetime,
    binding_id,  ///< 0 or 255
    label,       ///< 0
    flow_binding_length,
    flow_binding_action,
    flow_binding_count,            ///< no binding id, more than 8, or not exactly one with DROP
    flow_binding_unknown_subtype,  ///< 154 with a subtype other than 1 and 2
    selector_format,               ///< not the IPv4 format
    selector_length,
    selector_end_without_start,
    selector_end_before_start,
    revocation_length,
    vendor_length,
};

/// One phrase for events and counters, in lower case with dashes.
std::string_view name(Unframed reason) noexcept;
std::string_view name(Malformed reason) noexcept;

}  // namespace homeward::mip
