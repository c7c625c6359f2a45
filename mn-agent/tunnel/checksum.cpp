#include "tunnel/checksum.h"

#include <bit>
#include <cstring>

namespace homeward::tunnel {
namespace {

template <class Word>
std::uint64_t load(const std::uint8_t* at) noexcept {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

std::uint16_t fold_wide(std::uint64_t sum) noexcept {
    sum = (sum & 0xffffffffU) + (sum >> 32U);
    sum = (sum & 0xffffffffU) + (sum >> 32U);
    return fold(static_cast<std::uint32_t>(sum));
}

}  // namespace

std::uint16_t checksum_sum(wire::ByteView bytes) noexcept {
    // The sum does not care for the order of bytes within its words, as long as the result is read in the same order
    // (RFC 1071 §2 (B)); and 32-bit words in a 64-bit sum leave room for more carries than a packet has words.
    const std::uint8_t* at = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t even = 0;
    std::uint64_t odd = 0;
    for (; left >= 32; at += 32, left -= 32) {
        const std::uint64_t a = load<std::uint64_t>(at);
        const std::uint64_t b = load<std::uint64_t>(at + 8);
        const std::uint64_t c = load<std::uint64_t>(at + 16);
        const std::uint64_t d = load<std::uint64_t>(at + 24);
        even += (a & 0xffffffffU) + (b & 0xffffffffU) + (c & 0xffffffffU) + (d & 0xffffffffU);
        odd += (a >> 32U) + (b >> 32U) + (c >> 32U) + (d >> 32U);
    }
    for (; left >= 4; at += 4, left -= 4) {
        even += load<std::uint32_t>(at);
    }
    if (left >= 2) {
        even += load<std::uint16_t>(at);
        at += 2;
        left -= 2;
    }
    if (left != 0) {
        const std::uint8_t last[2] = {*at, 0};
        even += load<std::uint16_t>(last);
    }
    const std::uint16_t sum = fold_wide(even + odd);
    return std::endian::native == std::endian::big ? sum : static_cast<std::uint16_t>(sum << 8U | sum >> 8U);
}

std::uint16_t pseudo_header_sum(wire::ByteView ipv4, std::size_t length) noexcept {
    return fold(std::uint32_t{checksum_sum(ipv4.subspan(12, 8))} + ipv4[9] + static_cast<std::uint32_t>(length));
}

}  // namespace homeward::tunnel
