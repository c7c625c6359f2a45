#include "mip/extension.h"

#include <algorithm>
#include <cassert>

namespace homeward::mip {
namespace {

constexpr std::uint8_t kMultipathSubtype = 1;
constexpr std::uint8_t kFlowBindingSubtype = 2;
constexpr std::uint8_t kIpv4Selector = 1;
constexpr std::uint8_t kAnyBindingId = 255;  // what DROP writes into the one byte that is ignored

constexpr std::size_t kLongHeaderSize = 4;
constexpr std::size_t kFlowBindingFixed = 3;  // action, count, selector format
constexpr std::size_t kVendorFixed = 8;       // reserved, organisation, type

void append_type(wire::Writer& out, ExtensionType type) {
    out.u8(static_cast<std::uint8_t>(type));
}

void append_short_header(wire::Writer& out, ExtensionType type, std::size_t length) {
    assert(length <= 255);
    append_type(out, type);
    out.u8(static_cast<std::uint8_t>(length));
}

void append_long_header(wire::Writer& out, std::uint8_t subtype, std::size_t length) {
    append_type(out, ExtensionType::flow_mobility);
    out.u8(subtype);
    out.u16(static_cast<std::uint16_t>(length));
}

std::size_t binding_id_bytes(const FlowBinding& binding) noexcept {
    return binding.action == FlowBinding::Action::drop ? 1 : binding.binding_ids.size();
}

bool is_valid_binding_id(std::uint8_t id) noexcept {
    return id != 0 && id != 255;
}

}  // namespace

void append(wire::Writer& out, const Nai& nai) {
    append_short_header(out, ExtensionType::nai, nai.text.size());
    out.bytes({reinterpret_cast<const std::uint8_t*>(nai.text.data()), nai.text.size()});
}

void append(wire::Writer& out, const UdpTunnelRequest& request) {
    append_short_header(out, ExtensionType::udp_tunnel_request, 6);
    out.u8(0);  // subtype
    out.u8(0);
    out.u8(static_cast<std::uint8_t>((request.forced ? 0x80 : 0) | (request.through_foreign_agent ? 0x40 : 0)));
    out.u8(request.encapsulation);
    out.u16(0);
}

void append(wire::Writer& out, const UdpTunnelReply& reply) {
    append_short_header(out, ExtensionType::udp_tunnel_reply, 6);
    out.u8(0);  // subtype
    out.u8(reply.code);
    out.u16(reply.forced ? 0x8000 : 0);
    out.u16(reply.keepalive_s);
}

void append(wire::Writer& out, const Multipath& multipath) {
    append_long_header(out, kMultipathSubtype, 4);
    out.u8(multipath.technology);
    out.u8(multipath.label);
    out.u8(multipath.binding_id);
    out.u8(static_cast<std::uint8_t>((multipath.bulk ? 0x80 : 0) | (multipath.overwrite ? 0x40 : 0)));
}

void append(wire::Writer& out, const FlowBinding& binding) {
    append_long_header(out, kFlowBindingSubtype, encoded_size(binding) - kLongHeaderSize);
    out.u8(static_cast<std::uint8_t>(binding.action));
    out.u8(static_cast<std::uint8_t>(binding_id_bytes(binding)));
    if (binding.action == FlowBinding::Action::drop) {
        out.u8(kAnyBindingId);
    } else {
        assert(!binding.binding_ids.empty() && binding.binding_ids.size() <= FlowBinding::kMaxBindingIds);
        out.bytes(binding.binding_ids);
    }
    out.u8(kIpv4Selector);
    append(out, binding.selector);
}

void append(wire::Writer& out, const RevocationSupport& support) {
    append_short_header(out, ExtensionType::revocation_support, 6);
    out.u16(support.inform ? 0x8000 : 0);
    out.u32(support.timestamp);
}

void append(wire::Writer& out, const VendorExtension& extension) {
    assert(extension.payload.size() <= VendorExtension::kMaxPayload);
    append_short_header(out, ExtensionType::vendor, kVendorFixed + extension.payload.size());
    out.u16(0);
    out.u32(extension.organization);
    out.u16(extension.type);
    out.bytes(extension.payload);
}

std::size_t encoded_size(const FlowBinding& binding) noexcept {
    return kLongHeaderSize + kFlowBindingFixed + binding_id_bytes(binding) + encoded_size(binding.selector);
}

std::size_t encoded_size(const VendorExtension& extension) noexcept {
    return 2 + kVendorFixed + extension.payload.size();
}

void append_in_pieces(std::vector<VendorExtension>& out, std::uint32_t organization, std::uint16_t type,
                      wire::ByteView data) {
    do {
        const wire::ByteView piece = data.first(std::min(data.size(), VendorExtension::kMaxPayload));
        out.push_back({organization, type, wire::Bytes(piece.begin(), piece.end())});
        data = data.subspan(piece.size());
    } while (!data.empty());
}

wire::Bytes joined(const std::vector<VendorExtension>& extensions, std::uint32_t organization, std::uint16_t type) {
    wire::Bytes data;
    for (const VendorExtension& extension : extensions) {
        if (extension.organization == organization && extension.type == type) {
            data.insert(data.end(), extension.payload.begin(), extension.payload.end());
        }
    }
    return data;
}

bool has(const std::vector<VendorExtension>& extensions, std::uint32_t organization, std::uint16_t type) noexcept {
    return std::any_of(extensions.begin(), extensions.end(), [&](const VendorExtension& extension) {
        return extension.organization == organization && extension.type == type;
    });
}

std::variant<FlowBinding, Malformed> decode_flow_binding(wire::ByteView data) {
    wire::Reader in{data};
    const std::uint8_t action = in.u8();
    const std::uint8_t count = in.u8();
    const wire::ByteView ids = in.bytes(count);
    const std::uint8_t format = in.u8();
    if (in.failed()) {
        return Malformed::flow_binding_length;
    }
    FlowBinding binding;
    binding.action = static_cast<FlowBinding::Action>(action);
    switch (binding.action) {
        case FlowBinding::Action::drop:
            if (count != 1) {
                return Malformed::flow_binding_count;
            }
            break;
        case FlowBinding::Action::forward:
            if (count == 0 || count > FlowBinding::kMaxBindingIds) {
                return Malformed::flow_binding_count;
            }
            if (!std::all_of(ids.begin(), ids.end(), is_valid_binding_id)) {
                return Malformed::binding_id;
            }
            binding.binding_ids.assign(ids.begin(), ids.end());
            break;
        default:
            return Malformed::flow_binding_action;
    }
    if (format != kIpv4Selector) {
        return Malformed::selector_format;
    }
    auto selector = decode_traffic_selector(in.bytes(in.remaining()));
    if (const auto* reason = std::get_if<Malformed>(&selector)) {
        return *reason;
    }
    binding.selector = std::get<TrafficSelector>(std::move(selector));
    return binding;
}

}  // namespace homeward::mip
