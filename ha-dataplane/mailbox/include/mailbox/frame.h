#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ipc/messages.h"
#include "result/result.h"
#include "wire/cursor.h"

namespace homeward::mailbox {

using CounterList = std::vector<std::pair<std::string, std::uint64_t>>;

/// Reads the Header of a packet from control. An error means that the other end is not of this release, or no
/// homeward-control at all: the connection cannot go on.
Result<ipc::Header> read_header(wire::ByteView packet);

/// Packets from the data plane to control.
wire::Bytes hello_packet(const ipc::Hello& hello);
wire::Bytes ack_packet(std::uint64_t sequence);
/// `reason` is cut to what ipc::Refused holds.
wire::Bytes refused_packet(std::uint64_t sequence, const std::string& reason);
/// As many packets as needed, at least one; `more` is set on all but the last. Each answers request `sequence`.
std::vector<wire::Bytes> counters_packets(std::uint64_t sequence, const CounterList& counters);

}  // namespace homeward::mailbox
