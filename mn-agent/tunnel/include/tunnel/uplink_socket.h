#pragma once

#include <cstdint>
#include <string>

#include "descriptor/unique_fd.h"
#include "result/result.h"
#include "wire/ipv4.h"

namespace homeward::tunnel {

struct SocketSettings {
    std::string interface;
    wire::Ipv4Address care_of;
    wire::Ipv4Address home_agent;
    std::uint16_t port = 0;      ///< wanted source port; 0, or taken by somebody: the kernel chooses
    bool zero_checksum = false;  ///< send the outer UDP checksum as zero
    bool trains = false;         ///< the kernel may put received datagrams together (UDP_GRO)
};

/// The UDP socket of one uplink: bound to interface and care-of address, connected to the home agent's port 434, so
/// that the kernel delivers nothing from anybody else. Carries data, keepalives and registration alike (RFC 3519 has
/// the home agent send data to the source port of the latest request). DF is always set; path MTU is the kernel's.
Result<UniqueFd> open_uplink_socket(const SocketSettings& settings);

/// Beside it, for IP in IP without UDP (RFC 2003): a raw socket bound and connected the same way. What it gives begins
/// with the outer header; what it is given does not. Needs CAP_NET_RAW.
Result<UniqueFd> open_plain_socket(const SocketSettings& settings);

/// Lets the kernel put received datagrams together, or not: before tc ingress, where a train is nothing that the fast
/// path's program could strip.
void allow_trains(const UniqueFd& socket, bool allowed);
/// The source port of an open socket.
std::uint16_t local_port(const UniqueFd& socket);
/// Whether datagrams wait in the socket.
bool has_unread(const UniqueFd& socket);
/// What the kernel knows of the path MTU to the home agent, outer packet; 0: unknown, also while the
/// route that the socket used last is gone.
std::uint32_t path_mtu(const UniqueFd& socket);

}  // namespace homeward::tunnel
