#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <cstdint>
#include <string>

#include "wire/ipv4.h"

namespace homeward::netlink {

/// One rtnetlink request under construction, at most a few hundred bytes. `Extra` is rtmsg, ifinfomsg, ifaddrmsg or
/// fib_rule_hdr.
class Message {
  public:
    Message(std::uint16_t type, std::uint16_t flags) : header_(mnl_nlmsg_put_header(buffer_.data())) {
        header_->nlmsg_type = type;
        header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    }
    ~Message() = default;
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;

    template <class Extra>
    Extra& extra() {
        return *static_cast<Extra*>(mnl_nlmsg_put_extra_header(header_, sizeof(Extra)));
    }
    void put(std::uint16_t attribute, std::uint32_t value) { mnl_attr_put_u32(header_, attribute, value); }
    void put_u8(std::uint16_t attribute, std::uint8_t value) { mnl_attr_put_u8(header_, attribute, value); }
    void put(std::uint16_t attribute, wire::Ipv4Address value) {
        mnl_attr_put_u32(header_, attribute, value.wire().raw());
    }
    void put(std::uint16_t attribute, const std::string& value) {
        mnl_attr_put_strz(header_, attribute, value.c_str());
    }
    void put_bytes(std::uint16_t attribute, const void* data, std::size_t size) {
        mnl_attr_put(header_, attribute, size, data);
    }
    nlattr* nest(std::uint16_t attribute) { return mnl_attr_nest_start(header_, attribute); }
    void end(nlattr* nested) { mnl_attr_nest_end(header_, nested); }

    nlmsghdr* header() noexcept { return header_; }

  private:
    alignas(nlmsghdr) std::array<char, 1024> buffer_{};
    nlmsghdr* header_;
};

}  // namespace homeward::netlink
