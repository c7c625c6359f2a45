#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ipc/messages.h"
#include "result/result.h"
#include "tables/tables.h"
#include "wire/cursor.h"
#include "wire/ipv4.h"

namespace homeward::mailbox {

/// Gratuitous ARP to be sent (RFC 5944 §4.6), by now without names: `pipeline::gratuitous_arp` builds the frame.
struct Announcement {
    std::uint16_t port = 0;
    wire::Ipv4Address home_address;
    tables::MacAddress mac{};  ///< the one to announce: the port's own, or the node's
    std::uint8_t repeat = 1;
};

/// Applies control's messages (ipc/messages.h, types sync_begin … arp_announce) to the tables, in order. Nothing of a
/// message is applied when its form is wrong; a record that makes no sense is refused and the rest of the message
/// applied.
class Apply {
  public:
    explicit Apply(tables::Tables& tables) : tables_(tables) {}

    /// `message`: the whole packet, ipc::Header included, which the caller has checked for magic and version. The
    /// error is the reason for ipc::Refused. Announcements are appended to `announcements`.
    Status apply(wire::ByteView message, std::vector<Announcement>& announcements);

    /// The connection ended: half a policy or half a synchronisation is forgotten; what is in force stays.
    void disconnected();

    /// Called after a binding was removed, so that neighbour entries that hold our own proxy answer can go.
    std::function<void(wire::Ipv4Address home_address)> on_binding_removed;

  private:
    Status settings(const ipc::Settings& record);
    Status policy_chunk(wire::ByteView body);
    Status compile(std::uint32_t number, wire::ByteView canonical);
    Status home_network(const ipc::HomeNetwork& record);
    Status home_network_remove(const ipc::HomeNetwork& record);
    Status binding_remove(const ipc::BindingRemove& record);
    Status announce(const ipc::ArpAnnounce& record, std::vector<Announcement>& out) const;

    tables::Tables& tables_;
    std::map<std::uint32_t, wire::Bytes> partial_;  ///< policies that are still arriving
};

}  // namespace homeward::mailbox
