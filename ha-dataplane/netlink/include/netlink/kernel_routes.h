#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "netlink/message.h"
#include "tables/routes.h"
#include "wire/ipv4.h"

namespace homeward::netlink {

/// The kernel's IPv4 routes that decide for us: tables local, main and default, in this order of precedence, as in
/// the kernel's three initial rules. Per prefix it holds every entry there is and names the one in force; the
/// kernel's own longest prefix rule then applies across tables. Other tables and rules that choose by source or mark
/// have no counterpart in the data plane and are left out.
class KernelRoutes {
  public:
    /// Interface index → DPDK port; tables::kNoPort for a device that is no twin.
    using PortOf = std::function<std::uint16_t(int interface)>;

    explicit KernelRoutes(PortOf port_of) : port_of_(std::move(port_of)) {}

    /// Takes in one message. True when it concerned a table of ours, so that `best(message.prefix)` may have changed.
    bool apply(const RouteMessage& message);

    /// The route in force: lowest table rank, then lowest metric; of several next hops the first that is alive.
    std::optional<tables::Route> best(const wire::Ipv4Prefix& prefix) const;

    std::set<wire::Ipv4Prefix> prefixes() const;
    void clear() { entries_.clear(); }

  private:
    struct Entry {
        unsigned rank = 0;
        std::uint32_t metric = 0;
        std::uint8_t tos = 0;
        std::uint8_t type = 0;
        std::vector<NextHop> next_hops;

        friend bool operator==(const Entry&, const Entry&) = default;
        bool same_place(const Entry& other) const {
            return rank == other.rank && metric == other.metric && tos == other.tos;
        }
    };

    tables::Route route_of(const Entry& entry) const;
    void remove(std::vector<Entry>& entries, const Entry& entry) const;

    PortOf port_of_;
    std::map<wire::Ipv4Prefix, std::vector<Entry>> entries_;
};

}  // namespace homeward::netlink
