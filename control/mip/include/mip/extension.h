#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mip/selector.h"
#include "wire/cursor.h"

/// Extensions of registration messages. Each has a type and an `append`; decoding is a message's business
/// (mip/request.h, mip/reply.h), for what an extension means depends on where it stands.
namespace homeward::mip {

enum class ExtensionType : std::uint8_t {
    padding = 0,  ///< a single byte without length; we never send it
    mobile_home_authentication = 32,
    udp_tunnel_reply = 44,
    nai = 131,
    vendor = 134,
    revocation_support = 137,
    dynamic_home_agent = 139,  ///< long header although skippable (RFC 4433); skipped
    udp_tunnel_request = 144,
    flow_mobility = 154,  ///< long header although skippable (RFC 7629): subtype 1 Multipath, 2 Flow-Binding
};

inline constexpr std::uint8_t kEncapsulationFromFlags = 0;
inline constexpr std::uint8_t kEncapsulationIp = 4;
inline constexpr std::uint8_t kEncapsulationGre = 47;
inline constexpr std::uint8_t kEncapsulationMinimal = 55;

/// Mobile node NAI (RFC 2794), 1–255 bytes.
struct Nai {
    std::string_view text;
};

/// RFC 3519 §3.1.
struct UdpTunnelRequest {
    bool forced = false;                 ///< F
    bool through_foreign_agent = false;  ///< R
    std::uint8_t encapsulation = kEncapsulationIp;
    friend bool operator==(const UdpTunnelRequest&, const UdpTunnelRequest&) = default;
};

/// RFC 3519 §3.2.
struct UdpTunnelReply {
    static constexpr std::uint8_t kAssented = 0;
    static constexpr std::uint8_t kDeclined = 64;

    std::uint8_t code = kAssented;
    bool forced = false;
    std::uint16_t keepalive_s = 0;  ///< 0: the node's default
    bool assents() const noexcept { return code < kDeclined; }
    friend bool operator==(const UdpTunnelReply&, const UdpTunnelReply&) = default;
};

/// RFC 7629 §4.1.
struct Multipath {
    std::uint8_t technology = 0;  ///< If-ATT
    std::uint8_t label = 0;       ///< If-Label, 1–255
    std::uint8_t binding_id = 0;  ///< BID, 1–254
    bool bulk = false;            ///< B: the lifetime is for all bindings
    bool overwrite = false;       ///< O: replaces all other bindings
    friend bool operator==(const Multipath&, const Multipath&) = default;
};

/// RFC 7629 §4.2.
struct FlowBinding {
    enum class Action : std::uint8_t { drop = 0, forward = 1 };
    static constexpr std::size_t kMaxBindingIds = 8;

    Action action = Action::forward;
    std::vector<std::uint8_t> binding_ids;  ///< 1–8, in order of preference; empty with drop
    TrafficSelector selector;
    friend bool operator==(const FlowBinding&, const FlowBinding&) = default;
};

/// RFC 3543 §3.2.
struct RevocationSupport {
    bool inform = false;  ///< I
    std::uint32_t timestamp = 0;
    friend bool operator==(const RevocationSupport&, const RevocationSupport&) = default;
};

/// Normal vendor/organisation specific extension (RFC 3115 §2.2). Its length has 8 bits, so that one carries at most
/// kMaxPayload bytes. Larger data is cut into several with the same organisation and type; their order in the message
/// is the order of the data (`append_in_pieces`, `joined`).
struct VendorExtension {
    static constexpr std::size_t kMaxPayload = 255 - 8;

    std::uint32_t organization = 0;
    std::uint16_t type = 0;
    wire::Bytes payload;
    friend bool operator==(const VendorExtension&, const VendorExtension&) = default;
};

void append(wire::Writer& out, const Nai& nai);
void append(wire::Writer& out, const UdpTunnelRequest& request);
void append(wire::Writer& out, const UdpTunnelReply& reply);
void append(wire::Writer& out, const Multipath& multipath);
void append(wire::Writer& out, const FlowBinding& binding);
void append(wire::Writer& out, const RevocationSupport& support);
void append(wire::Writer& out, const VendorExtension& extension);

/// Bytes that `append` will write.
std::size_t encoded_size(const FlowBinding& binding) noexcept;
std::size_t encoded_size(const VendorExtension& extension) noexcept;

/// Adds `data` as extensions of at most kMaxPayload bytes each; empty data is one empty extension.
void append_in_pieces(std::vector<VendorExtension>& out, std::uint32_t organization, std::uint16_t type,
                      wire::ByteView data);
/// The payloads of all extensions with this organisation and type, in order.
wire::Bytes joined(const std::vector<VendorExtension>& extensions, std::uint32_t organization, std::uint16_t type);
bool has(const std::vector<VendorExtension>& extensions, std::uint32_t organization, std::uint16_t type) noexcept;

/// Reads one Flow-Binding's data (after its 4-byte header), all of it.
std::variant<FlowBinding, Malformed> decode_flow_binding(wire::ByteView data);

}  // namespace homeward::mip
