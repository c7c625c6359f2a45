#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

#include "mip/malformed.h"
#include "wire/cursor.h"
#include "wire/ipv4.h"

namespace homeward::mip {

/// An inclusive range. One value is a range whose ends are equal; it is encoded as a start alone.
template <class T>
struct Range {
    T first{};
    T last{};

    static constexpr Range one(T value) noexcept { return {value, value}; }
    constexpr bool contains(T value) const noexcept { return first <= value && value <= last; }
    friend constexpr bool operator==(const Range&, const Range&) noexcept = default;
};

/// The IPv4 binary traffic selector of RFC 6088 §3.1, as RFC 7629 carries it. An absent field matches everything.
/// Views are the home agent's: `source` is the correspondent, `destination` the home address.
struct TrafficSelector {
    std::optional<Range<wire::Ipv4Address>> source;        ///< A, B
    std::optional<Range<wire::Ipv4Address>> destination;   ///< C, D
    std::optional<Range<std::uint32_t>> spi;               ///< E, F: IPsec SPI
    std::optional<Range<std::uint16_t>> source_port;       ///< G, H
    std::optional<Range<std::uint16_t>> destination_port;  ///< I, J
    std::optional<Range<std::uint8_t>> dscp;               ///< K, L: 0–63, the field without its two ignored low bits
    std::optional<Range<std::uint8_t>> protocol;           ///< M, N

    friend bool operator==(const TrafficSelector&, const TrafficSelector&) = default;
};

void append(wire::Writer& out, const TrafficSelector& selector);
std::size_t encoded_size(const TrafficSelector& selector) noexcept;

/// Reads a selector that fills `bytes` exactly. Reserved flag bits are ignored.
std::variant<TrafficSelector, Malformed> decode_traffic_selector(wire::ByteView bytes);

}  // namespace homeward::mip
