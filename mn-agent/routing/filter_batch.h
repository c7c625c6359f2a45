#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/message.h"
#include "wire/ipv4.h"

namespace homeward::routing {

/// One rule of a filter chain, left to right as `nft` writes it: matches, then a verdict.
class FilterRule {
  public:
    FilterRule(const std::string& table, const std::string& chain);
    FilterRule& out_by(const std::string& interface);
    FilterRule& in_by(const std::string& interface);
    FilterRule& family(std::uint8_t nfproto);
    FilterRule& to(const wire::Ipv4Prefix& prefix);
    /// IPv6 destinations that begin with these bits.
    FilterRule& to_ipv6(std::uint16_t first_bits, std::uint16_t mask);
    FilterRule& protocol(std::uint8_t number);
    FilterRule& from_port(std::uint16_t port);
    FilterRule& to_port(std::uint16_t port);
    netlink::Message& accept();
    netlink::Message& reject();

  private:
    /// `fill` puts the expression's own attributes.
    template <class Fill>
    FilterRule& expression(std::string_view name, Fill fill);
    FilterRule& meta(std::uint32_t key);
    FilterRule& load(std::uint32_t base, std::uint32_t offset, std::uint32_t length);
    FilterRule& mask(const void* bits, std::size_t size);
    FilterRule& equals(const void* value, std::size_t size);
    FilterRule& interface_is(std::uint32_t key, const std::string& interface);
    FilterRule& port(std::uint32_t offset, std::uint16_t value);
    void put_data(std::uint16_t attribute, const void* value, std::size_t size);
    netlink::Message& finish();

    netlink::Message message_;
    nlattr* expressions_;
};

/// Changes to the kernel's packet filter (nf_tables, family inet) that come into force together or not at all.
class FilterBatch {
  public:
    FilterBatch();
    void add_table(const std::string& table);
    void remove_table(const std::string& table);
    /// A base chain of type filter at `hook` (NF_INET_…), priority 0, which drops what its rules let through.
    void add_chain(const std::string& table, const std::string& chain, std::uint32_t hook);
    void add(netlink::Message& message);
    /// 0, or the errno of the first change that was refused; nothing is changed then.
    int commit();

  private:
    void mark(std::uint16_t type);

    std::vector<char> bytes_;
    std::uint32_t sequence_ = 0;
};

}  // namespace homeward::routing
