#include "mailbox/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace homeward::mailbox {
namespace {

template <class T>
void append(wire::Bytes& packet, const T& value) {
    const std::size_t end = packet.size();
    packet.resize(end + sizeof value);
    std::memcpy(packet.data() + end, &value, sizeof value);
}

wire::Bytes packet(ipc::Type type, std::uint64_t sequence, std::size_t count, bool more = false) {
    wire::Bytes result;
    append(result, ipc::Header{.type = type,
                               .sequence = sequence,
                               .count = static_cast<std::uint16_t>(count),
                               .more = static_cast<std::uint16_t>(more)});
    return result;
}

}  // namespace

Result<ipc::Header> read_header(wire::ByteView packet) {
    ipc::Header header;
    if (packet.size() < sizeof header || packet.size() > ipc::kMaxMessage) {
        return Error{fmt::format("control sent a packet of {} bytes: not our protocol", packet.size())};
    }
    std::memcpy(&header, packet.data(), sizeof header);
    if (header.magic != ipc::kMagic) {
        return Error{fmt::format("the socket's other end is no homeward-control (magic {:#x})", header.magic)};
    }
    if (header.version != ipc::kVersion) {
        return Error{fmt::format("homeward-control speaks version {}, this data plane {}: install one release of both",
                                 header.version, ipc::kVersion)};
    }
    return header;
}

wire::Bytes hello_packet(const ipc::Hello& hello) {
    wire::Bytes result = packet(ipc::Type::hello, 0, 1);
    append(result, hello);
    return result;
}

wire::Bytes ack_packet(std::uint64_t sequence) {
    return packet(ipc::Type::ack, sequence, 0);
}

wire::Bytes refused_packet(std::uint64_t sequence, const std::string& reason) {
    wire::Bytes result = packet(ipc::Type::refused, sequence, 1);
    ipc::Refused record;
    reason.copy(record.reason.data(), record.reason.size() - 1);
    append(result, record);
    return result;
}

std::vector<wire::Bytes> counters_packets(std::uint64_t sequence, const CounterList& counters) {
    constexpr std::size_t kPerPacket = (ipc::kMaxMessage - sizeof(ipc::Header)) / sizeof(ipc::Counter);
    std::vector<wire::Bytes> result;
    std::size_t done = 0;
    do {
        const std::size_t count = std::min(kPerPacket, counters.size() - done);
        result.push_back(packet(ipc::Type::counters_reply, sequence, count, done + count < counters.size()));
        for (const std::size_t end = done + count; done < end; ++done) {
            ipc::Counter record;
            counters[done].first.copy(record.name.data(), record.name.size() - 1);
            record.value = counters[done].second;
            append(result.back(), record);
        }
    } while (done < counters.size());
    return result;
}

}  // namespace homeward::mailbox
