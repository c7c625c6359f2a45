#include "mailbox/apply.h"

#include <cstring>
#include <string_view>
#include <utility>

#include "policy/generation.h"

namespace homeward::mailbox {
namespace {

using wire::ByteView;
using wire::Ipv4Address;
using wire::Ipv4Prefix;

constexpr std::size_t kMaxPolicyBytes = 64U << 20;

template <class Record>
Record read(ByteView bytes, std::size_t index = 0) {
    Record record;
    std::memcpy(&record, bytes.data() + index * sizeof record, sizeof record);
    return record;
}

template <std::size_t kSize>
std::string_view text(const std::array<char, kSize>& field) {
    return {field.data(), strnlen(field.data(), kSize)};
}

/// Applies `one` to each of the records; goes on after a refused one, and reports the first.
template <class Record, class One>
Status each(ByteView body, std::size_t count, One one) {
    if (body.size() != count * sizeof(Record)) {
        return Error{"message length does not fit its record count"};
    }
    Status first;
    for (std::size_t i = 0; i < count; ++i) {
        Status status = one(read<Record>(body, i));
        if (!status && first) {
            first = std::move(status);
        }
    }
    return first;
}

Result<Ipv4Prefix> prefix_of(const ipc::HomeNetwork& record) {
    const Ipv4Address address{record.network};
    if (record.length > 32 || Ipv4Prefix::of(address, record.length).network != address) {
        return Error{"home network " + address.to_string() + "/" + std::to_string(record.length) + " is no prefix"};
    }
    return Ipv4Prefix{address, record.length};
}

}  // namespace

Status Apply::apply(ByteView message, std::vector<Announcement>& announcements) {
    if (message.size() < sizeof(ipc::Header)) {
        return Error{"message shorter than its header"};
    }
    const auto header = read<ipc::Header>(message);
    const ByteView body = message.subspan(sizeof header);
    switch (header.type) {
        case ipc::Type::sync_begin:
        case ipc::Type::sync_end:
            if (!body.empty()) {
                return Error{"synchronisation marks have no body"};
            }
            header.type == ipc::Type::sync_begin ? tables_.begin_sync() : tables_.end_sync();
            return {};
        case ipc::Type::settings:
            if (header.count != 1) {
                return Error{"settings come one at a time"};
            }
            return each<ipc::Settings>(body, 1, [this](const ipc::Settings& record) { return settings(record); });
        case ipc::Type::home_network:
            return each<ipc::HomeNetwork>(body, header.count,
                                          [this](const auto& record) { return home_network(record); });
        case ipc::Type::home_network_remove:
            return each<ipc::HomeNetwork>(body, header.count,
                                          [this](const auto& record) { return home_network_remove(record); });
        case ipc::Type::policy_chunk:
            return policy_chunk(body);
        case ipc::Type::policy_remove:
            return each<ipc::PolicyRemove>(body, header.count, [this](const ipc::PolicyRemove& record) {
                return tables_.remove_policy(record.policy);
            });
        case ipc::Type::binding_put:
            return each<ipc::Binding>(body, header.count,
                                      [this](const ipc::Binding& record) { return tables_.put_binding(record); });
        case ipc::Type::binding_remove:
            return each<ipc::BindingRemove>(body, header.count,
                                            [this](const auto& record) { return binding_remove(record); });
        case ipc::Type::arp_announce:
            return each<ipc::ArpAnnounce>(
                body, header.count, [&](const ipc::ArpAnnounce& record) { return announce(record, announcements); });
        default:
            return Error{"message type " + std::to_string(static_cast<unsigned>(header.type)) +
                         " is not for the data plane"};
    }
}

void Apply::disconnected() {
    partial_.clear();
    tables_.abort_sync();
}

Status Apply::settings(const ipc::Settings& record) {
    const Ipv4Address address{record.home_agent};
    if (!address.is_unicast() || record.tunnel_port == 0) {
        return Error{"settings: home agent " + address.to_string() + " port " + std::to_string(record.tunnel_port) +
                     " cannot end tunnels"};
    }
    if (record.tunnel_mtu < tables::Tables::kMinTunnelMtu) {
        return Error{"settings: tunnel MTU " + std::to_string(record.tunnel_mtu) + " is below 576"};
    }
    if (record.udp_checksum > ipc::Checksum::compute || record.ecn > ipc::Ecn::normal) {
        return Error{"settings: unknown checksum or ECN mode"};
    }
    tables_.set_settings(record);
    return {};
}

Status Apply::home_network(const ipc::HomeNetwork& record) {
    const auto prefix = prefix_of(record);
    if (!prefix) {
        return prefix.error();
    }
    const std::string_view name = text(record.port);
    const std::uint16_t port = name.empty() ? tables::kNoPort : tables_.port_named(name);
    if (!name.empty() && port == tables::kNoPort) {
        return Error{"home network " + prefix->to_string() + ": no port is named '" + std::string{name} + "'"};
    }
    return tables_.put_home_network(*prefix, port);
}

Status Apply::home_network_remove(const ipc::HomeNetwork& record) {
    const auto prefix = prefix_of(record);
    return prefix ? tables_.remove_home_network(*prefix) : Status{prefix.error()};
}

/// Chunks of one policy come in order; offset 0 starts it anew.
Status Apply::policy_chunk(ByteView body) {
    if (body.size() < sizeof(ipc::PolicyChunk)) {
        return Error{"policy chunk shorter than its record"};
    }
    const auto chunk = read<ipc::PolicyChunk>(body);
    const ByteView bytes = body.subspan(sizeof chunk);
    const std::string name = "policy " + std::to_string(chunk.policy);
    if (chunk.policy == 0 || chunk.size != bytes.size() || chunk.total > kMaxPolicyBytes) {
        return Error{name + ": number 0, wrong chunk size, or more than 64 MB"};
    }
    wire::Bytes& held = partial_[chunk.policy];
    if (chunk.offset == 0) {
        held.clear();
    }
    if (chunk.offset != held.size() || std::uint64_t{chunk.offset} + chunk.size > chunk.total) {
        partial_.erase(chunk.policy);
        return Error{name + ": chunk out of order"};
    }
    held.insert(held.end(), bytes.begin(), bytes.end());
    if (held.size() < chunk.total) {
        return {};
    }
    const wire::Bytes whole = std::move(held);
    partial_.erase(chunk.policy);
    return compile(chunk.policy, whole);
}

Status Apply::compile(std::uint32_t number, ByteView canonical) {
    const std::string name = "policy " + std::to_string(number) + ": ";
    const auto decoded = policy::decode(canonical);
    if (!decoded) {
        return Error{name + decoded.error().text};
    }
    auto table = policy::Table::compile(*decoded);
    if (!table) {
        return Error{name + table.error().text};
    }
    tables_.put_policy(number, std::move(table).value());
    return {};
}

Status Apply::binding_remove(const ipc::BindingRemove& record) {
    const Ipv4Address address{record.home_address};
    // Removing what is not there is no error: a replay may have swept it already.
    if (tables_.remove_binding(address) && on_binding_removed) {
        on_binding_removed(address);
    }
    return {};
}

Status Apply::announce(const ipc::ArpAnnounce& record, std::vector<Announcement>& out) const {
    const Ipv4Address address{record.home_address};
    const tables::HomeNetwork* network = tables_.shared().home_network(address);
    if (network == nullptr) {
        return Error{"announcement of " + address.to_string() + ": no home network covers it"};
    }
    if (network->port == tables::kNoPort) {
        return {};  // routed only: no link to announce it on
    }
    tables::MacAddress mac;
    std::copy(record.mac.begin(), record.mac.end(), mac.begin());
    const bool away = mac == tables::MacAddress{};
    out.push_back({network->port, address, away ? tables_.shared().ports[network->port].mac : mac,
                   record.repeat == 0 ? std::uint8_t{1} : record.repeat});
    return {};
}

}  // namespace homeward::mailbox
