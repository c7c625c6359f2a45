#include "frame.h"

#include "mip/extension.h"

namespace homeward::mip {
namespace {

constexpr std::uint8_t kFirstSkippable = 128;
constexpr std::size_t kSpiSize = 4;
/// Type, length and SPI of the Mobile-Home Authentication Extension: what the authenticator covers of it.
constexpr std::size_t kCoveredOfAuthentication = 2 + kSpiSize;

constexpr bool is(std::uint8_t type, ExtensionType known) noexcept {
    return type == static_cast<std::uint8_t>(known);
}

/// Types with the header `type, subtype, length(16)`. RFC 5944 §1.10 allows it below 128 only, but RFC 7629 and
/// RFC 4433 use it for 154 and 139, and whoever reads those short is out of step with the sender.
constexpr bool has_long_header(std::uint8_t type) noexcept {
    return is(type, ExtensionType::flow_mobility) || is(type, ExtensionType::dynamic_home_agent);
}

constexpr bool must_be_understood(std::uint8_t type) noexcept {
    return type < kFirstSkippable && !is(type, ExtensionType::mobile_home_authentication) &&
           !is(type, ExtensionType::udp_tunnel_reply);
}

std::string_view as_text(wire::ByteView bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::optional<RawExtension> ExtensionWalk::next() noexcept {
    while (!reader_.at_end()) {
        RawExtension extension;
        extension.offset = reader_.offset();
        extension.type = reader_.u8();
        if (is(extension.type, ExtensionType::padding)) {
            continue;
        }
        std::size_t length = 0;
        if (has_long_header(extension.type)) {
            extension.subtype = reader_.u8();
            length = reader_.u16();
        } else {
            length = reader_.u8();
        }
        extension.data = reader_.bytes(length);
        return reader_.failed() ? std::nullopt : std::optional{extension};
    }
    return std::nullopt;
}

std::variant<Envelope, Unframed> open_envelope(wire::ByteView datagram, std::size_t header_size) noexcept {
    Envelope envelope;
    ExtensionWalk walk{datagram, header_size};
    bool authentication_seen = false;
    while (const auto extension = walk.next()) {
        if (must_be_understood(extension->type)) {
            return Unframed::unknown_extension;
        }
        if (is(extension->type, ExtensionType::nai) && !authentication_seen && envelope.nai.empty()) {
            envelope.nai = as_text(extension->data);
        }
        if (!is(extension->type, ExtensionType::mobile_home_authentication)) {
            continue;
        }
        if (authentication_seen) {
            return Unframed::several_authentications;
        }
        if (extension->data.size() <= kSpiSize) {
            return Unframed::no_authentication;
        }
        authentication_seen = true;
        envelope.authentication.spi = wire::Reader{extension->data}.u32();
        envelope.authentication.covered = datagram.first(extension->offset + kCoveredOfAuthentication);
        envelope.authentication.authenticator = extension->data.subspan(kSpiSize);
    }
    if (walk.overrun()) {
        return Unframed::extension_overrun;
    }
    if (!authentication_seen) {
        return Unframed::no_authentication;
    }
    return envelope;
}

bool is_authenticated(const RawExtension& extension, const Authentication& authentication) noexcept {
    return extension.offset + kCoveredOfAuthentication < authentication.covered.size();
}

}  // namespace homeward::mip
