#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "wire/ipv4.h"

namespace homeward::uplinks {

/// An IPv4 address as an interface carries it.
struct InterfaceAddress {
    wire::Ipv4Address address;
    std::uint8_t prefix_length = 32;

    friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

/// Facts from the kernel, one record of a notification or dump each.
struct LinkChange {
    int index = 0;
    std::string name;
    bool running = false;              ///< administratively up, with carrier
    bool point_to_point = false;       ///< has no neighbours to resolve: a default route needs no gateway
    std::optional<std::uint32_t> mtu;  ///< none: not told, as it was
    bool removed = false;
};
struct AddressChange {
    int index = 0;
    InterfaceAddress address;
    bool removed = false;
};
/// A default route. Which table it stands in does not matter: Android and source routing use one per interface.
struct GatewayChange {
    int index = 0;
    std::optional<wire::Ipv4Address> gateway;  ///< none: the route is on-link
    std::uint32_t metric = 0;
    std::uint32_t table = 0;
    bool removed = false;
};

/// What an uplink needs to know of its interface.
struct Attachment {
    int index = 0;
    bool running = false;
    bool point_to_point = false;
    std::uint32_t mtu = 0;
    std::optional<InterfaceAddress> address;
    std::optional<wire::Ipv4Address> gateway;
    bool default_route = false;  ///< the kernel has one, with or without gateway

    /// Packets can leave: the interface runs and has an address.
    bool usable() const noexcept { return running && address.has_value(); }
    friend bool operator==(const Attachment&, const Attachment&) = default;
};

/// The kernel's interfaces as the agent sees them. Pure: facts in, attachments out. The same fact twice changes
/// nothing, so that a DHCP renewal, or a resynchronisation, is silent.
///
/// An interface with several addresses: the one in use stays in use while it exists, then the first one left.
class LinkModel {
  public:
    void apply(const LinkChange& change);
    void apply(const AddressChange& change);
    void apply(const GatewayChange& change);
    /// Everything is forgotten; a dump follows.
    void clear();

    /// Nothing known of that name gives an attachment that is not running.
    Attachment attachment(const std::string& interface) const;

  private:
    struct Gateway {
        std::optional<wire::Ipv4Address> address;
        std::uint32_t metric;
        std::uint32_t table;
        friend bool operator==(const Gateway&, const Gateway&) = default;
    };
    struct Interface {
        std::string name;
        bool running = false;
        bool point_to_point = false;
        std::uint32_t mtu = 0;
        std::vector<InterfaceAddress> addresses;
        std::vector<Gateway> gateways;
    };

    std::map<int, Interface> interfaces_;
};

}  // namespace homeward::uplinks
