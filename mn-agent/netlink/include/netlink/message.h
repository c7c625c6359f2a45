#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include "netlink/attribute.h"
#include "wire/ipv4.h"

namespace homeward::netlink {

/// One request under construction, at most a kilobyte. `Extra` is the family's header: rtmsg, ifinfomsg, ifaddrmsg,
/// fib_rule_hdr, genlmsghdr. std::length_error when it grows too long, which no request of this agent does.
class Message {
  public:
    Message(std::uint16_t type, std::uint16_t flags) {
        header()->nlmsg_len = NLMSG_HDRLEN;
        header()->nlmsg_type = type;
        header()->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    }
    ~Message() = default;
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;

    /// Once, before any attribute.
    template <class Extra>
    Extra& extra() {
        return *reinterpret_cast<Extra*>(append(sizeof(Extra)));
    }
    void put(std::uint16_t attribute, std::uint32_t value) { put_bytes(attribute, &value, sizeof value); }
    void put_u8(std::uint16_t attribute, std::uint8_t value) { put_bytes(attribute, &value, sizeof value); }
    void put(std::uint16_t attribute, wire::Ipv4Address value) { put(attribute, value.wire().raw()); }
    void put(std::uint16_t attribute, const std::string& value) {
        put_bytes(attribute, value.c_str(), value.size() + 1);
    }
    void put_bytes(std::uint16_t attribute, const void* data, std::size_t size) {
        nlattr* put = start(attribute, size);
        std::memcpy(reinterpret_cast<char*>(put) + kAttributeHeader, data, size);
    }
    /// What is put until `end` lies inside.
    nlattr* nest(std::uint16_t attribute) { return start(attribute | NLA_F_NESTED, 0); }
    void end(nlattr* nested) {
        const char* last = buffer_.data() + header()->nlmsg_len;
        nested->nla_len = static_cast<std::uint16_t>(last - reinterpret_cast<char*>(nested));
    }

    nlmsghdr* header() noexcept { return reinterpret_cast<nlmsghdr*>(buffer_.data()); }

  private:
    nlattr* start(int type, std::size_t size) {
        auto* attribute = reinterpret_cast<nlattr*>(append(kAttributeHeader + size));
        attribute->nla_type = static_cast<std::uint16_t>(type);
        attribute->nla_len = static_cast<std::uint16_t>(kAttributeHeader + size);
        return attribute;
    }
    /// Room for `size` bytes, padded with zeros.
    char* append(std::size_t size) {
        const std::size_t old = header()->nlmsg_len;
        if (size > buffer_.size() || padded(size) > buffer_.size() - old) {
            throw std::length_error("a netlink request of more than a kilobyte");
        }
        header()->nlmsg_len = static_cast<std::uint32_t>(old + padded(size));
        return buffer_.data() + old;
    }

    alignas(nlmsghdr) std::array<char, 1024> buffer_{};
};

}  // namespace homeward::netlink
