#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// Packets for tests, written as they are nested: `Ether{…} / Ip{…} / Udp{…} / Raw{"data"}`. Lengths, protocol numbers
/// and checksums are filled in unless given. Shares no code with the product: it is what the product is checked
/// against.
namespace harness {

using Bytes = std::vector<std::uint8_t>;

/// 192.0.2.1, or "192.0.2.1" in a designated initialiser.
struct Address {
    std::uint32_t value = 0;

    constexpr Address() = default;
    explicit constexpr Address(std::uint32_t host) : value(host) {}
    constexpr Address(const char* text) {  // NOLINT(google-explicit-constructor): rows read better
        std::uint32_t octet = 0;
        for (; *text != '\0'; ++text) {
            if (*text == '.') {
                value = value << 8 | octet;
                octet = 0;
            } else {
                octet = octet * 10 + static_cast<std::uint32_t>(*text - '0');
            }
        }
        value = value << 8 | octet;
    }
    friend constexpr bool operator==(Address, Address) = default;
};

using Mac = std::array<std::uint8_t, 6>;
inline constexpr Mac kBroadcastMac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct Ether {
    Mac dst{}, src{};
    std::optional<std::uint16_t> type{};
};
struct Arp {
    std::uint16_t op = 1;
    Mac sender_mac{};
    Address sender{};
    Mac target_mac{};
    Address target{};
    std::uint16_t hardware = 1;
};
struct Ip {
    Address src{}, dst{};
    std::uint8_t ttl = 64;
    std::uint8_t tos = 0;
    std::uint16_t id = 1;
    bool df = false;
    bool mf = false;
    std::uint16_t offset = 0;  ///< bytes
    std::optional<std::uint8_t> protocol{};
    std::optional<std::uint16_t> length{};
    std::optional<std::uint16_t> checksum{};
    std::uint8_t version = 4;
    Bytes options{};  ///< a multiple of 4 bytes
};
struct Udp {
    std::uint16_t src = 0, dst = 0;
    std::optional<std::uint16_t> length{};
    std::optional<std::uint16_t> checksum{};
};
struct Tunnel {
    std::uint8_t type = 4, next = 4;
    std::uint16_t reserved = 0;
};
struct Tcp {
    std::uint16_t src = 0, dst = 0;
    std::uint8_t flags = 0x10;
    Bytes options{};  ///< a multiple of 4 bytes
};
struct Icmp {
    std::uint8_t type = 8, code = 0;
    std::uint32_t rest = 0;  ///< bytes 4–7
    std::optional<std::uint16_t> checksum{};
};
struct Raw {
    Bytes data{};

    Raw() = default;
    explicit Raw(Bytes bytes) : data(std::move(bytes)) {}
    explicit Raw(std::string_view text) : data(text.begin(), text.end()) {}
    /// `size` bytes that differ from place to place.
    static Raw pattern(std::size_t size);
};

using Layer = std::variant<Ether, Arp, Ip, Udp, Tunnel, Tcp, Icmp, Raw>;

struct Stack {
    std::vector<Layer> layers;

    Stack() = default;
    Stack(std::initializer_list<Layer> initial) : layers(initial) {}
    template <class T>
    requires std::is_constructible_v<Layer, T> Stack(T layer)
        : layers{Layer{std::move(layer)}} {}  // NOLINT(google-explicit-constructor): one layer is a stack

    /// The bytes, built from the innermost layer outwards.
    Bytes bytes() const;
};

Stack operator/(Stack outer, const Stack& inner);

/// RFC 1071, written the slow and obvious way.
std::uint16_t internet_checksum(const std::uint8_t* data, std::size_t size, std::uint32_t sum = 0);

/// Checks every checksum of an Ethernet frame, going into tunnels; the first fault in words, or "".
std::string checksum_fault(const Bytes& frame);
std::string ip_checksum_fault(const Bytes& packet);

std::string to_hex(const Bytes& bytes);

}  // namespace harness
