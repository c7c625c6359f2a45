#include "wire/ipv4.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>

namespace homeward::wire {

std::optional<Ipv4Address> Ipv4Address::parse(std::string_view text) {
    const std::string terminated{text};
    in_addr address{};
    if (inet_pton(AF_INET, terminated.c_str(), &address) != 1) {
        return std::nullopt;
    }
    return Ipv4Address{be32::from_raw(address.s_addr)};
}

std::string Ipv4Address::to_string() const {
    std::array<char, INET_ADDRSTRLEN> text{};
    const std::uint32_t raw = wire().raw();
    inet_ntop(AF_INET, &raw, text.data(), text.size());
    return text.data();
}

std::optional<Ipv4Prefix> Ipv4Prefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = Ipv4Address::parse(text.substr(0, slash));
    if (!address) {
        return std::nullopt;
    }
    unsigned length = 32;
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
        if (error != std::errc{} || end != digits.data() + digits.size() || length > 32) {
            return std::nullopt;
        }
    }
    const Ipv4Prefix prefix = of(*address, static_cast<std::uint8_t>(length));
    return prefix.network == *address ? std::optional{prefix} : std::nullopt;
}

std::string Ipv4Prefix::to_string() const {
    return network.to_string() + '/' + std::to_string(length);
}

}  // namespace homeward::wire
