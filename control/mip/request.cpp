#include "mip/request.h"

#include "decode.h"
#include "frame.h"
#include "mip/tunnel.h"

namespace homeward::mip {
namespace {

constexpr std::uint8_t kKnownFlags = kSimultaneous | kBroadcast | kColocated | kMinimal | kGre | kReverseTunnel;
constexpr std::uint8_t kMultipathSubtype = 1;
constexpr std::uint8_t kFlowBindingSubtype = 2;

RequestHeader read_header(wire::Reader& in) noexcept {
    RequestHeader header;
    header.flags = in.u8() & kKnownFlags;
    header.lifetime = in.u16();
    header.home_address = wire::Ipv4Address{in.u32()};
    header.home_agent = wire::Ipv4Address{in.u32()};
    header.care_of = wire::Ipv4Address{in.u32()};
    header.identification = {in.u64()};
    return header;
}

std::optional<Malformed> read_udp_tunnel(const RawExtension& extension, bool authenticated,
                                         RegistrationRequest& request) {
    if (extension.data.size() != 6) {
        return authenticated ? std::optional{Malformed::udp_tunnel_length} : std::nullopt;
    }
    wire::Reader in{extension.data};
    const std::uint8_t subtype = in.u8();
    in.u8();  // reserved 1
    const std::uint8_t flags = in.u8();
    const std::uint8_t encapsulation = in.u8();
    const std::uint16_t reserved3 = in.u16();
    if (subtype != 0 || reserved3 != 0) {
        return std::nullopt;  // a future form of the extension, to be skipped (RFC 3519 §3.1.3)
    }
    const bool colocated = request.header.has(kColocated);
    if (authenticated != colocated) {
        return authenticated ? Malformed::udp_tunnel_without_d : Malformed::udp_tunnel_after_authentication;
    }
    if (authenticated) {
        request.udp_tunnel = UdpTunnelRequest{.forced = (flags & 0x80) != 0,
                                              .through_foreign_agent = (flags & 0x40) != 0,
                                              .encapsulation = encapsulation};
    }
    return std::nullopt;
}

std::optional<Malformed> read_multipath(wire::ByteView data, RegistrationRequest& request) {
    if (data.size() != 4) {
        return Malformed::multipath_length;
    }
    if (request.multipath) {
        return Malformed::several_multipaths;
    }
    wire::Reader in{data};
    Multipath multipath;
    multipath.technology = in.u8();
    multipath.label = in.u8();
    multipath.binding_id = in.u8();
    const std::uint8_t flags = in.u8();
    multipath.bulk = (flags & 0x80) != 0;
    multipath.overwrite = (flags & 0x40) != 0;
    if (multipath.binding_id == 0 || multipath.binding_id == 255) {
        return Malformed::binding_id;
    }
    if (multipath.label == 0) {
        return Malformed::label;
    }
    if (multipath.bulk && multipath.overwrite) {
        return Malformed::multipath_bulk_and_overwrite;
    }
    if (multipath.overwrite && request.header.lifetime == 0) {
        return Malformed::multipath_overwrite_without_lifetime;
    }
    request.multipath = multipath;
    return std::nullopt;
}

std::optional<Malformed> read_flow_mobility(const RawExtension& extension, RegistrationRequest& request) {
    switch (extension.subtype) {
        case kMultipathSubtype:
            return read_multipath(extension.data, request);
        case kFlowBindingSubtype: {
            auto binding = decode_flow_binding(extension.data);
            if (const auto* reason = std::get_if<Malformed>(&binding)) {
                return *reason;
            }
            request.flow_bindings.push_back(std::get<FlowBinding>(std::move(binding)));
            return std::nullopt;
        }
        default:
            return Malformed::flow_binding_unknown_subtype;
    }
}

std::optional<Malformed> read_extension(const RawExtension& extension, bool authenticated,
                                        RegistrationRequest& request) {
    const auto type = static_cast<ExtensionType>(extension.type);
    if (type == ExtensionType::udp_tunnel_request) {
        return read_udp_tunnel(extension, authenticated, request);
    }
    if (!authenticated) {
        return std::nullopt;
    }
    switch (type) {
        case ExtensionType::nai:
            return read_nai(extension, request.nai);
        case ExtensionType::revocation_support:
            return read_revocation(extension, request.revocation);
        case ExtensionType::flow_mobility:
            return read_flow_mobility(extension, request);
        case ExtensionType::vendor:
            return read_vendor(extension, request.vendor);
        default:
            return std::nullopt;
    }
}

}  // namespace

std::variant<RequestFrame, Unframed> frame_request(wire::ByteView datagram) noexcept {
    if (datagram.empty() || datagram[0] != static_cast<std::uint8_t>(MessageType::registration_request)) {
        return Unframed::wrong_type;
    }
    if (datagram.size() < kRequestHeaderSize) {
        return Unframed::too_short;
    }
    const auto envelope = open_envelope(datagram, kRequestHeaderSize);
    if (const auto* reason = std::get_if<Unframed>(&envelope)) {
        return *reason;
    }
    wire::Reader in{datagram};
    in.u8();  // type
    const auto& [authentication, nai] = std::get<Envelope>(envelope);
    return RequestFrame{datagram, read_header(in), authentication, nai};
}

std::variant<RegistrationRequest, Malformed> decode_request(const RequestFrame& frame) {
    RegistrationRequest request;
    request.header = frame.header;
    ExtensionWalk walk{frame.datagram, kRequestHeaderSize};
    while (const auto extension = walk.next()) {
        const bool authenticated = is_authenticated(*extension, frame.authentication);
        if (const auto reason = read_extension(*extension, authenticated, request)) {
            return *reason;
        }
    }
    return request;
}

wire::Bytes encode_unsigned(const RegistrationRequest& request) {
    wire::Bytes datagram;
    wire::Writer out{datagram};
    out.u8(static_cast<std::uint8_t>(MessageType::registration_request));
    out.u8(request.header.flags & kKnownFlags);
    out.u16(request.header.lifetime);
    out.u32(request.header.home_address.host());
    out.u32(request.header.home_agent.host());
    out.u32(request.header.care_of.host());
    out.u64(request.header.identification.value);
    if (request.nai) {
        append(out, Nai{*request.nai});
    }
    if (request.udp_tunnel) {
        append(out, *request.udp_tunnel);
    }
    if (request.revocation) {
        append(out, *request.revocation);
    }
    if (request.multipath) {
        append(out, *request.multipath);
    }
    for (const FlowBinding& binding : request.flow_bindings) {
        append(out, binding);
    }
    for (const VendorExtension& extension : request.vendor) {
        append(out, extension);
    }
    return datagram;
}

wire::Bytes encode(const RegistrationRequest& request, const Authenticator& authenticator) {
    wire::Bytes datagram = encode_unsigned(request);
    authenticator.sign(datagram);
    return datagram;
}

}  // namespace homeward::mip
