#include "mip/reply.h"

#include "decode.h"
#include "frame.h"
#include "mip/tunnel.h"

namespace homeward::mip {
namespace {

struct CodeText {
    ReplyCode code;
    std::string_view text;
};

constexpr CodeText kCodeTexts[] = {
    {ReplyCode::accepted, "accepted"},
    {ReplyCode::accepted_without_simultaneous, "accepted, but simultaneous bindings are unsupported"},
    {ReplyCode::unspecified, "denied for an unspecified reason"},
    {ReplyCode::administratively_prohibited, "administratively prohibited"},
    {ReplyCode::insufficient_resources, "insufficient resources"},
    {ReplyCode::authentication_failed, "the mobile node failed authentication"},
    {ReplyCode::foreign_agent_authentication_failed, "the foreign agent failed authentication"},
    {ReplyCode::identification_mismatch, "identification mismatch"},
    {ReplyCode::poorly_formed, "poorly formed request"},
    {ReplyCode::too_many_bindings, "too many simultaneous bindings"},
    {ReplyCode::unknown_home_agent, "unknown home agent address"},
    {ReplyCode::reverse_tunnel_unavailable, "reverse tunnel unavailable"},
    {ReplyCode::reverse_tunnel_mandatory, "reverse tunnel is mandatory"},
    {ReplyCode::encapsulation_unavailable, "encapsulation unavailable"},
    {ReplyCode::unsupported_vendor, "unsupported vendor extension"},
    {ReplyCode::unsupported_vendor_of_foreign_agent, "unsupported vendor extension of the foreign agent"},
    {ReplyCode::udp_encapsulation_unavailable, "UDP encapsulation unavailable"},
    {ReplyCode::redirected_home_agent, "redirected to another home agent"},
    {ReplyCode::multipath_not_allowed, "multipath not allowed"},
    {ReplyCode::invalid_binding_identifier, "invalid flow binding identifier"},
};

std::optional<Malformed> read_udp_tunnel(const RawExtension& extension, std::optional<UdpTunnelReply>& out) {
    if (extension.data.size() != 6) {
        return Malformed::udp_tunnel_length;
    }
    wire::Reader in{extension.data};
    if (in.u8() != 0) {
        return std::nullopt;  // an unknown subtype says nothing to us
    }
    UdpTunnelReply reply;
    reply.code = in.u8();
    reply.forced = (in.u16() & 0x8000) != 0;
    reply.keepalive_s = in.u16();
    out = reply;
    return std::nullopt;
}

std::optional<Malformed> read_extension(const RawExtension& extension, RegistrationReply& reply) {
    switch (static_cast<ExtensionType>(extension.type)) {
        case ExtensionType::nai:
            return read_nai(extension, reply.nai);
        case ExtensionType::udp_tunnel_reply:
            return read_udp_tunnel(extension, reply.udp_tunnel);
        case ExtensionType::revocation_support:
            return read_revocation(extension, reply.revocation);
        case ExtensionType::vendor:
            return read_vendor(extension, reply.vendor);
        default:
            return std::nullopt;
    }
}

}  // namespace

std::string text(ReplyCode code) {
    for (const CodeText& known : kCodeTexts) {
        if (known.code == code) {
            return std::string{known.text};
        }
    }
    const auto number = static_cast<unsigned>(code);
    return (number >= 64 && number < 128 ? "denied by a foreign agent, code " : "unknown code ") +
           std::to_string(number);
}

std::variant<ReplyFrame, Unframed> frame_reply(wire::ByteView datagram) noexcept {
    if (datagram.empty() || datagram[0] != static_cast<std::uint8_t>(MessageType::registration_reply)) {
        return Unframed::wrong_type;
    }
    if (datagram.size() < kReplyHeaderSize) {
        return Unframed::too_short;
    }
    const auto envelope = open_envelope(datagram, kReplyHeaderSize);
    if (const auto* reason = std::get_if<Unframed>(&envelope)) {
        return *reason;
    }
    wire::Reader in{datagram};
    in.u8();  // type
    ReplyHeader header;
    header.code = static_cast<ReplyCode>(in.u8());
    header.lifetime = in.u16();
    header.home_address = wire::Ipv4Address{in.u32()};
    header.home_agent = wire::Ipv4Address{in.u32()};
    header.identification = {in.u64()};
    const auto& [authentication, nai] = std::get<Envelope>(envelope);
    return ReplyFrame{datagram, header, authentication, nai};
}

std::variant<RegistrationReply, Malformed> decode_reply(const ReplyFrame& frame) {
    RegistrationReply reply;
    reply.header = frame.header;
    ExtensionWalk walk{frame.datagram, kReplyHeaderSize};
    while (const auto extension = walk.next()) {
        if (!is_authenticated(*extension, frame.authentication)) {
            continue;
        }
        if (const auto reason = read_extension(*extension, reply)) {
            return *reason;
        }
    }
    return reply;
}

wire::Bytes encode_unsigned(const RegistrationReply& reply) {
    wire::Bytes datagram;
    wire::Writer out{datagram};
    out.u8(static_cast<std::uint8_t>(MessageType::registration_reply));
    out.u8(static_cast<std::uint8_t>(reply.header.code));
    out.u16(reply.header.lifetime);
    out.u32(reply.header.home_address.host());
    out.u32(reply.header.home_agent.host());
    out.u64(reply.header.identification.value);
    if (reply.nai) {
        append(out, Nai{*reply.nai});
    }
    if (reply.udp_tunnel) {
        append(out, *reply.udp_tunnel);
    }
    if (reply.revocation) {
        append(out, *reply.revocation);
    }
    for (const VendorExtension& extension : reply.vendor) {
        append(out, extension);
    }
    return datagram;
}

wire::Bytes encode(const RegistrationReply& reply, const Authenticator& authenticator) {
    wire::Bytes datagram = encode_unsigned(reply);
    authenticator.sign(datagram);
    return datagram;
}

}  // namespace homeward::mip
