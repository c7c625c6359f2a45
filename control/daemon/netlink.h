#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "result/result.h"
#include "wire/ipv4.h"

struct mnl_socket;

namespace homeward::daemon {

using Mac = std::array<std::uint8_t, 6>;

/// An address with the length of its network, as it is put on an interface.
struct InterfaceAddress {
    wire::Ipv4Address address;
    std::uint8_t length = 32;

    /// Reads "a.b.c.d/n".
    static std::optional<InterfaceAddress> parse(const std::string& text);
    wire::Ipv4Prefix prefix() const noexcept { return wire::Ipv4Prefix::of(address, length); }
};

/// The few requests to the kernel's routing netlink that the control plane makes. Blocking, short.
class Netlink {
  public:
    static Result<Netlink> open();
    ~Netlink();
    Netlink(const Netlink&) = delete;
    Netlink& operator=(const Netlink&) = delete;
    Netlink(Netlink&& other) noexcept;
    Netlink& operator=(Netlink&&) = delete;

    Status set_link(unsigned interface, std::uint16_t mtu, bool up);
    Status put_address(unsigned interface, const InterfaceAddress& address);
    /// A route on the link, in place of the one that the kernel made for the address, with a locked path MTU.
    Status put_link_route(unsigned interface, const wire::Ipv4Prefix& prefix, wire::Ipv4Address source,
                          std::uint16_t mtu);
    /// The link address that the kernel learnt for a neighbour.
    std::optional<Mac> neighbour(wire::Ipv4Address address);

  private:
    explicit Netlink(mnl_socket* socket) : socket_(socket) {}
    Status request(void* message, const std::string& what);

    mnl_socket* socket_ = nullptr;
    std::uint32_t sequence_ = 0;
};

}  // namespace homeward::daemon
