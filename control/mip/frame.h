#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "mip/authenticator.h"
#include "mip/malformed.h"
#include "wire/cursor.h"

namespace homeward::mip {

/// One extension as it stands in a datagram.
struct RawExtension {
    std::uint8_t type = 0;
    std::uint8_t subtype = 0;  ///< of the long header; the short format's subtype is the first byte of `data`
    std::size_t offset = 0;    ///< of the type byte
    wire::ByteView data;
};

/// Walks the extensions behind a message's fixed part. Padding bytes (type 0) are passed over.
class ExtensionWalk {
  public:
    ExtensionWalk(wire::ByteView datagram, std::size_t header_size) noexcept : reader_(datagram) {
        reader_.bytes(header_size);
    }
    /// The next extension; nullopt at the end, or where one overruns the datagram.
    std::optional<RawExtension> next() noexcept;
    bool overrun() const noexcept { return reader_.failed(); }

  private:
    wire::Reader reader_;
};

/// What both messages need before they are authenticated.
struct Envelope {
    Authentication authentication;
    std::string_view nai;
};

std::variant<Envelope, Unframed> open_envelope(wire::ByteView datagram, std::size_t header_size) noexcept;

/// True when `extension` stands before the authentication, so that the authenticator vouches for it.
bool is_authenticated(const RawExtension& extension, const Authentication& authentication) noexcept;

}  // namespace homeward::mip
