#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "wire/cursor.h"

namespace homeward::netlink {

/// Netlink messages as the kernel lays them out (linux/netlink.h): an nlmsghdr, the family's own header, then
/// attributes: each a nlattr with length and type, its payload, padding to four bytes. What is too short reads as
/// absent or zero.

constexpr std::size_t kAttributeHeader = sizeof(nlattr);
static_assert(kAttributeHeader == 4 && NLMSG_HDRLEN == 16);

/// With the padding that follows.
constexpr std::size_t padded(std::size_t size) noexcept {
    return (size + 3) & ~std::size_t{3};
}

/// The family's header (ifinfomsg, rtmsg, genlmsghdr, …) of a message; null when the message ends before it does.
template <class Header>
const Header* header_of(const nlmsghdr& message) noexcept {
    const bool whole = message.nlmsg_len >= NLMSG_HDRLEN + sizeof(Header);
    return whole ? reinterpret_cast<const Header*>(reinterpret_cast<const char*>(&message) + NLMSG_HDRLEN) : nullptr;
}

/// The attributes of a message whose family header has `header` bytes.
inline wire::ByteView attributes(const nlmsghdr& message, std::size_t header) noexcept {
    const std::size_t before = NLMSG_HDRLEN + padded(header);
    const auto* first = reinterpret_cast<const std::uint8_t*>(&message);
    return message.nlmsg_len > before ? wire::ByteView{first + before, message.nlmsg_len - before} : wire::ByteView{};
}

inline std::uint16_t type_of(const nlattr& attribute) noexcept {
    return static_cast<std::uint16_t>(attribute.nla_type & 0x3fff);  // without NLA_F_NESTED, NLA_F_NET_BYTEORDER
}

inline wire::ByteView payload(const nlattr& attribute) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(&attribute) + kAttributeHeader, attribute.nla_len - kAttributeHeader};
}

/// Shows every attribute that lies whole in `area`: a message's, or the payload of one that holds others.
template <class Visit>
void for_each(wire::ByteView area, Visit&& visit) {
    while (area.size() >= kAttributeHeader) {
        const auto* attribute = reinterpret_cast<const nlattr*>(area.data());
        if (attribute->nla_len < kAttributeHeader || attribute->nla_len > area.size()) {
            return;
        }
        visit(*attribute);
        const std::size_t step = padded(attribute->nla_len);
        area = step < area.size() ? area.subspan(step) : wire::ByteView{};
    }
}

/// The last one of that type, as the kernel itself reads repeated ones; null when there is none.
inline const nlattr* find(wire::ByteView area, std::uint16_t type) {
    const nlattr* found = nullptr;
    for_each(area, [&](const nlattr& attribute) { found = type_of(attribute) == type ? &attribute : found; });
    return found;
}

/// A number in host byte order; zero when the attribute is absent or shorter.
template <class T>
requires std::is_integral_v<T> T number(const nlattr* attribute)
noexcept {
    T value{};
    if (attribute != nullptr && payload(*attribute).size() >= sizeof value) {
        std::memcpy(&value, payload(*attribute).data(), sizeof value);
    }
    return value;
}

/// Up to its terminating zero; empty when the attribute is absent.
inline std::string text(const nlattr* attribute) {
    if (attribute == nullptr) {
        return {};
    }
    const wire::ByteView bytes = payload(*attribute);
    return {reinterpret_cast<const char*>(bytes.data()),
            ::strnlen(reinterpret_cast<const char*>(bytes.data()), bytes.size())};
}

}  // namespace homeward::netlink
