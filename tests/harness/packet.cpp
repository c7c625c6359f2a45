#include "packet.h"

namespace harness {
namespace {

constexpr std::uint8_t kIcmp = 1, kIpip = 4, kTcp = 6, kUdp = 17;

void put16(Bytes& out, std::uint32_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}

void put32(Bytes& out, std::uint32_t value) {
    put16(out, value >> 16);
    put16(out, value & 0xffff);
}

void patch16(Bytes& out, std::size_t at, std::uint16_t value) {
    out[at] = static_cast<std::uint8_t>(value >> 8);
    out[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint16_t get16(const Bytes& bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

void put(Bytes& out, const Bytes& bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

template <std::size_t kSize>
void put(Bytes& out, const std::array<std::uint8_t, kSize>& bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

std::uint32_t pseudo_sum(std::uint32_t src, std::uint32_t dst, std::uint8_t protocol, std::size_t size) {
    return (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff) + protocol + static_cast<std::uint32_t>(size);
}

/// Encodes one layer around `payload`; `above` is the nearest IP layer outside, `next` the layer inside.
struct Encoder {
    const Ip* above;
    const Layer* next;
    Bytes payload;

    std::uint32_t pseudo(std::uint8_t protocol, std::size_t size) const {
        return above == nullptr ? 0 : pseudo_sum(above->src.value, above->dst.value, protocol, size);
    }

    Bytes operator()(const Ether& ether) const {
        const bool arp = next != nullptr && std::holds_alternative<Arp>(*next);
        Bytes out;
        put(out, ether.dst);
        put(out, ether.src);
        put16(out, ether.type.value_or(arp ? 0x0806 : 0x0800));
        put(out, payload);
        return out;
    }
    Bytes operator()(const Arp& arp) const {
        Bytes out;
        put16(out, arp.hardware);
        put16(out, 0x0800);
        put16(out, 0x0604);
        put16(out, arp.op);
        put(out, arp.sender_mac);
        put32(out, arp.sender.value);
        put(out, arp.target_mac);
        put32(out, arp.target.value);
        put(out, payload);
        return out;
    }
    Bytes operator()(const Ip& ip) const {
        std::uint8_t protocol = 253;
        if (next != nullptr) {
            protocol = std::holds_alternative<Udp>(*next)    ? kUdp
                       : std::holds_alternative<Tcp>(*next)  ? kTcp
                       : std::holds_alternative<Icmp>(*next) ? kIcmp
                       : std::holds_alternative<Ip>(*next)   ? kIpip
                                                             : protocol;
        }
        const std::size_t header = 20 + ip.options.size();
        Bytes out;
        out.push_back(static_cast<std::uint8_t>(ip.version << 4 | static_cast<int>(header / 4)));
        out.push_back(ip.tos);
        put16(out, ip.length.value_or(static_cast<std::uint16_t>(header + payload.size())));
        put16(out, ip.id);
        put16(out, (ip.df ? 0x4000U : 0U) | (ip.mf ? 0x2000U : 0U) | ip.offset / 8U);
        out.push_back(ip.ttl);
        out.push_back(ip.protocol.value_or(protocol));
        put16(out, 0);
        put32(out, ip.src.value);
        put32(out, ip.dst.value);
        put(out, ip.options);
        patch16(out, 10, ip.checksum.value_or(internet_checksum(out.data(), out.size())));
        put(out, payload);
        return out;
    }
    Bytes operator()(const Udp& udp) const {
        Bytes out;
        put16(out, udp.src);
        put16(out, udp.dst);
        put16(out, udp.length.value_or(static_cast<std::uint16_t>(8 + payload.size())));
        put16(out, 0);
        put(out, payload);
        const std::uint16_t sum = internet_checksum(out.data(), out.size(), pseudo(kUdp, out.size()));
        patch16(out, 6, udp.checksum.value_or(sum == 0 ? std::uint16_t{0xffff} : sum));
        return out;
    }
    Bytes operator()(const Tunnel& tunnel) const {
        Bytes out{tunnel.type, tunnel.next};
        put16(out, tunnel.reserved);
        put(out, payload);
        return out;
    }
    Bytes operator()(const Tcp& tcp) const {
        Bytes out;
        put16(out, tcp.src);
        put16(out, tcp.dst);
        put32(out, 1000);
        put32(out, 0);
        out.push_back(static_cast<std::uint8_t>((5 + tcp.options.size() / 4) << 4));
        out.push_back(tcp.flags);
        put16(out, 65535);
        put32(out, 0);
        put(out, tcp.options);
        put(out, payload);
        patch16(out, 16, internet_checksum(out.data(), out.size(), pseudo(kTcp, out.size())));
        return out;
    }
    Bytes operator()(const Icmp& icmp) const {
        Bytes out{icmp.type, icmp.code, 0, 0};
        put32(out, icmp.rest);
        put(out, payload);
        patch16(out, 2, icmp.checksum.value_or(internet_checksum(out.data(), out.size())));
        return out;
    }
    Bytes operator()(const Raw& raw) const {
        Bytes out = raw.data;
        put(out, payload);
        return out;
    }
};

std::string transport_fault(const Bytes& packet, std::size_t header, std::uint8_t protocol) {
    const std::size_t size = packet.size() - header;
    const std::uint8_t* data = packet.data() + header;
    const std::uint32_t src = std::uint32_t{get16(packet, 12)} << 16 | get16(packet, 14);
    const std::uint32_t dst = std::uint32_t{get16(packet, 16)} << 16 | get16(packet, 18);
    if (protocol == kUdp && size >= 8) {
        if (get16(packet, header + 4) != size) {
            return "UDP length";
        }
        if (get16(packet, header + 6) != 0 && internet_checksum(data, size, pseudo_sum(src, dst, kUdp, size)) != 0) {
            return "UDP checksum";
        }
        if (size >= 32 && (get16(packet, header) == 434 || get16(packet, header + 2) == 434) && data[8] == 4) {
            return ip_checksum_fault(Bytes(packet.begin() + static_cast<std::ptrdiff_t>(header) + 12, packet.end()));
        }
    } else if (protocol == kTcp && size >= 20 && internet_checksum(data, size, pseudo_sum(src, dst, kTcp, size)) != 0) {
        return "TCP checksum";
    } else if (protocol == kIcmp && size >= 8 && internet_checksum(data, size) != 0) {
        return "ICMP checksum";
    }
    return "";
}

}  // namespace

Raw Raw::pattern(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    }
    return Raw{std::move(bytes)};
}

Bytes Stack::bytes() const {
    Bytes built;
    for (std::size_t i = layers.size(); i-- > 0;) {
        const Ip* above = nullptr;
        for (std::size_t j = i; j-- > 0 && above == nullptr;) {
            above = std::get_if<Ip>(&layers[j]);
        }
        const Layer* next = i + 1 < layers.size() ? &layers[i + 1] : nullptr;
        built = std::visit(Encoder{above, next, built}, layers[i]);
    }
    return built;
}

Stack operator/(Stack outer, const Stack& inner) {
    outer.layers.insert(outer.layers.end(), inner.layers.begin(), inner.layers.end());
    return outer;
}

std::uint16_t internet_checksum(const std::uint8_t* data, std::size_t size, std::uint32_t sum) {
    for (std::size_t i = 0; i < size; ++i) {
        sum += i % 2 == 0 ? std::uint32_t{data[i]} << 8 : data[i];
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

std::string ip_checksum_fault(const Bytes& packet) {
    if (packet.size() < 20) {
        return "IP packet too short";
    }
    const std::size_t header = (packet[0] & 0xfU) * 4;
    if (packet[0] >> 4 != 4 || header < 20 || header > packet.size() || get16(packet, 2) != packet.size()) {
        return "IP lengths";
    }
    if (internet_checksum(packet.data(), header) != 0) {
        return "IP header checksum";
    }
    return (get16(packet, 6) & 0x3fff) != 0 ? "" : transport_fault(packet, header, packet[9]);
}

std::string checksum_fault(const Bytes& frame) {
    if (frame.size() < 14) {
        return "frame too short";
    }
    return get16(frame, 12) == 0x0800 ? ip_checksum_fault(Bytes(frame.begin() + 14, frame.end())) : "";
}

std::string to_hex(const Bytes& bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 0xf];
    }
    return text;
}

}  // namespace harness
