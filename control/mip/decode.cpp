#include "decode.h"

namespace homeward::mip {

std::optional<Malformed> read_nai(const RawExtension& extension, std::optional<std::string>& out) {
    if (extension.data.empty()) {
        return Malformed::nai_length;
    }
    if (out) {
        return Malformed::several_nais;
    }
    out.emplace(extension.data.begin(), extension.data.end());
    return std::nullopt;
}

std::optional<Malformed> read_revocation(const RawExtension& extension, std::optional<RevocationSupport>& out) {
    wire::Reader in{extension.data};
    const std::uint16_t flags = in.u16();
    const std::uint32_t timestamp = in.u32();
    if (in.failed() || !in.at_end()) {
        return Malformed::revocation_length;
    }
    out = RevocationSupport{.inform = (flags & 0x8000) != 0, .timestamp = timestamp};
    return std::nullopt;
}

std::optional<Malformed> read_vendor(const RawExtension& extension, std::vector<VendorExtension>& out) {
    wire::Reader in{extension.data};
    in.u16();  // reserved
    VendorExtension vendor;
    vendor.organization = in.u32();
    vendor.type = in.u16();
    if (in.failed()) {
        return Malformed::vendor_length;
    }
    const wire::ByteView payload = in.bytes(in.remaining());
    vendor.payload.assign(payload.begin(), payload.end());
    out.push_back(std::move(vendor));
    return std::nullopt;
}

}  // namespace homeward::mip
