#pragma once

#include <cstddef>
#include <cstdint>

#include "wire/cursor.h"

namespace homeward::mip {

enum class Algorithm : std::uint8_t { hmac_md5, hmac_sha256 };

/// Where a message's Mobile-Home Authentication Extension is. Views into the datagram.
struct Authentication {
    std::uint32_t spi = 0;
    wire::ByteView covered;  ///< from the first byte of the datagram up to and including the SPI
    wire::ByteView authenticator;
};

/// One security association's key at work (RFC 5944 §3.5.1).
/// Copying is cheap; `sign` and `verify` are safe from several threads at once.
class Authenticator {
  public:
    /// `key` may have any length ≥ 1; `spi` is 256 or more.
    Authenticator(std::uint32_t spi, Algorithm algorithm, wire::ByteView key);
    ~Authenticator();
    Authenticator(const Authenticator&);
    Authenticator& operator=(const Authenticator&);
    Authenticator(Authenticator&&) noexcept;
    Authenticator& operator=(Authenticator&&) noexcept;

    std::uint32_t spi() const noexcept { return spi_; }
    Algorithm algorithm() const noexcept { return algorithm_; }
    /// Length of the authenticator: 16 (MD5), 32 (SHA-256, not truncated).
    std::size_t size() const noexcept { return algorithm_ == Algorithm::hmac_md5 ? 16 : 32; }

    /// Appends the Mobile-Home Authentication Extension over everything in `message`.
    void sign(wire::Bytes& message) const;
    /// True when the SPI is this one's and the authenticator is right. The comparison's time does not depend on the
    /// bytes.
    bool verify(const Authentication& authentication) const noexcept;

  private:
    std::uint32_t spi_;
    Algorithm algorithm_;
    wire::Bytes key_;
};

}  // namespace homeward::mip
