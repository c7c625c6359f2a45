#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "registration/binding.h"

namespace homeward::registration {

struct Datagram {
    wire::ByteView bytes;  ///< UDP payload; the checksum was right, or zero where that is accepted
    Endpoint source;
    bool to_broadcast = false;  ///< sent to a broadcast address, not to ours
};

struct Reply {
    Endpoint to;
    wire::Bytes bytes;
};

/// A change that has to be in force at the data plane before its reply goes. `HomeAgent::installed` or
/// `not_installed` must follow, exactly once.
struct Install {
    std::uint64_t ticket = 0;
    wire::Ipv4Address home_address;
    NodeBindings next;
    PolicyRef policy;  ///< the table that will be in force: the node's own, or the configured one; null: none
};

/// Gratuitous ARP on the home link (RFC 5944 §4.6), after the change is in force.
struct Announcement {
    wire::Ipv4Address home_address;
    bool away = true;  ///< false: the node is at home, announce its own MAC, if it can be learnt
};

struct Notice {
    std::string event;  ///< as in docs/admin-api.md
    std::string text;   ///< one sentence
    wire::Ipv4Address home_address;
    std::string nai;
};

/// What the caller has to do, in this order: save, publish, reply, announce; installs run on their own.
struct Actions {
    std::vector<wire::Ipv4Address> save;                              ///< nodes to store before the replies leave
    std::vector<wire::Ipv4Address> save_later;                        ///< nodes to store within about a second
    std::vector<std::pair<std::string, wire::Ipv4Address>> assigned;  ///< NAIs with their new home addresses, to store
    std::vector<std::string> released;       ///< NAIs whose assignment ended, to remove from the store
    std::vector<wire::Ipv4Address> publish;  ///< nodes whose state in force changed without an Install
    std::vector<std::uint64_t> cancelled;    ///< tickets whose outcome nobody waits for any more
    std::vector<Reply> replies;
    std::vector<Announcement> announcements;
    std::vector<Install> installs;
    std::vector<Notice> notices;
};

}  // namespace homeward::registration
