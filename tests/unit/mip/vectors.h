#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "mip/authenticator.h"
#include "mip/keepalive.h"
#include "mip/reply.h"
#include "mip/request.h"

/// Messages with known bytes. Their authenticators were computed by two other implementations of HMAC.
/// Key 00 01 … 0f, home address 10.10.0.5, home agent 192.0.2.1, care-of address 192.168.1.50.
namespace homeward::mip::vectors {

inline constexpr std::string_view kRequestMd5 =
    "0122012c0a0a0005c0000201c0a80132e8000000010203049006000000040000201400000100d94088761e7f68b3742b04e337c27d2c";
inline constexpr std::string_view kRequestSha256 =
    "0122012c0a0a0005c0000201c0a80132e80000000102030483056d6e40657890060000000000002024000001011c60312a8c3d6a2b976d"
    "4d3b0f40cb5e4cd13362b2ecccf94da03539dcfa9373";
inline constexpr std::string_view kRequestMultipath =
    "0122012c0a0a0005c0000201c0a80132e80000000102030490060000000000009a010004040101009a0200110102020101c0000000c633"
    "6400c63364ff2014000001000c2d56a4112b255276c778036372ad03";
inline constexpr std::string_view kReplyMd5 =
    "0300003c0a0a0005c0000201e8000000010203042c0600000000006e2014000001007ecad4e7a1072b1162fdfd984112b69b";
inline constexpr std::string_view kKeepalive =
    "0404000045000024000700004001aec20a0a0005c000020108005c45000100016b656570616c6976";

wire::Bytes from_hex(std::string_view hex);
std::string to_hex(wire::ByteView bytes);

Authenticator md5();
Authenticator sha256();

RegistrationRequest request_md5();
RegistrationRequest request_sha256();
RegistrationRequest request_multipath();
RegistrationReply reply_md5();
Keepalive keepalive();

/// Bytes in a heap block of exactly their size, so that AddressSanitizer sees a read behind the end.
class Exact {
  public:
    explicit Exact(wire::ByteView bytes) : bytes_(new std::uint8_t[bytes.size()]), size_(bytes.size()) {
        std::copy(bytes.begin(), bytes.end(), bytes_.get());
    }
    wire::ByteView view() const { return {bytes_.get(), size_}; }

  private:
    std::unique_ptr<std::uint8_t[]> bytes_;
    std::size_t size_;
};

}  // namespace homeward::mip::vectors
