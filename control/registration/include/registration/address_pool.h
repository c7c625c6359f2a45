#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/home_agent.h"
#include "wire/ipv4.h"

namespace homeward::registration {

/// Home addresses for nodes that are known by NAI only. An address given once stays the NAI's, bound or not.
class AddressPool {
  public:
    /// Takes the pools and the addresses that are configured for nodes and must not be given away. Assignments stay,
    /// except to addresses that are now in no pool or somebody's configured one.
    void configure(const config::HomeAgent& config);
    void restore(const std::string& nai, wire::Ipv4Address address);

    std::optional<wire::Ipv4Address> assigned(const std::string& nai) const;
    /// The address that `assign` would give: the one assigned, else `wanted` when it is free, else any free one (when
    /// none is wanted). nullopt: exhausted, or what is wanted cannot be had.
    std::optional<wire::Ipv4Address> candidate(const std::string& nai, wire::Ipv4Address wanted) const;
    void assign(const std::string& nai, wire::Ipv4Address address);
    void release(const std::string& nai);

    const std::map<std::string, wire::Ipv4Address>& assignments() const noexcept { return by_nai_; }

  private:
    bool in_pool(wire::Ipv4Address address) const noexcept;
    bool free(wire::Ipv4Address address) const { return in_pool(address) && !taken_.contains(address); }

    std::vector<config::AddressRange> ranges_;
    std::set<wire::Ipv4Address> taken_;  ///< assigned and configured
    std::map<std::string, wire::Ipv4Address> by_nai_;
};

}  // namespace homeward::registration
