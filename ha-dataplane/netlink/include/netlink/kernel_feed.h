#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "netlink/kernel_routes.h"
#include "netlink/message.h"
#include "result/result.h"
#include "tables/tables.h"

namespace homeward::netlink {

/// A TAP twin, by which the kernel names a port.
struct TwinLink {
    int interface = 0;
    std::uint16_t port = 0;
    MacAddress mac{};
};

/// Keeps routes and neighbours of the tables equal to the kernel's. Runs on the tables' writer thread.
///
/// It subscribes first and dumps then, so that nothing falls between; an event that was already in the dump changes
/// nothing. When the kernel says that events were lost (ENOBUFS), or drops routes without saying so (it does when a
/// link goes down or an address goes), everything is dumped again and the difference applied; forwarding goes on
/// meanwhile on what was known.
class KernelFeed {
  public:
    static Result<std::unique_ptr<KernelFeed>> open(tables::Tables& tables, std::vector<TwinLink> twins);

    /// Readable when events wait.
    int fd() const noexcept { return mnl_socket_get_fd(events_.get()); }
    /// Takes in what waits, and dumps again when that is due. Called on readiness, and now and then besides, so that a
    /// dump that failed is repeated.
    Status on_readable();
    /// Dumps everything and applies the difference.
    Status resynchronise();

    /// Makes the kernel ask for the neighbour on the port's twin, or probe it when it is stale: what it does for a
    /// packet of its own. The answer comes as an event.
    void use_neighbour(std::uint16_t port, wire::Ipv4Address address);
    /// A home address is bound no longer: the kernel forgets our own proxy answer for it.
    void forget_proxy(wire::Ipv4Address home_address);

    std::uint64_t resynchronisations() const noexcept { return resynchronisations_; }

  private:
    struct CloseSocket {
        void operator()(mnl_socket* socket) const noexcept { mnl_socket_close(socket); }
    };
    using Socket = std::unique_ptr<mnl_socket, CloseSocket>;
    using Key = std::pair<std::uint16_t, wire::Ipv4Address>;

    KernelFeed(tables::Tables& tables, std::vector<TwinLink> twins);
    Status subscribe();
    Status dump(std::uint16_t type, std::uint8_t family, std::size_t header_size);
    void take(const nlmsghdr* message);
    void route(const RouteMessage& message);
    void neighbour(const NeighbourMessage& message);
    void publish(const wire::Ipv4Prefix& prefix);
    void publish_all_routes();
    const TwinLink* twin_of(int interface) const;
    void command(std::uint16_t type, std::uint16_t flags, const TwinLink& twin, wire::Ipv4Address address,
                 std::uint8_t neighbour_flags);

    tables::Tables& tables_;
    std::vector<TwinLink> twins_;
    KernelRoutes routes_;
    Socket events_, commands_;
    std::set<Key> published_;    ///< neighbours in the tables
    std::set<Key> seen_;         ///< neighbours the running dump named
    std::set<Key> own_answers_;  ///< entries of the kernel that hold our own MAC
    bool dumping_ = false;
    bool stale_ = false;  ///< a dump is due
    std::uint64_t resynchronisations_ = 0;
};

}  // namespace homeward::netlink
