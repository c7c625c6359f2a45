#include "mip/selector.h"

namespace homeward::mip {
namespace {

constexpr std::uint32_t kFirstFlag = 0x80000000;  // A; B … N follow downwards
constexpr std::size_t kFlagsSize = 4;

std::uint32_t read(wire::Reader& in, std::uint32_t) {
    return in.u32();
}
std::uint16_t read(wire::Reader& in, std::uint16_t) {
    return in.u16();
}
std::uint8_t read(wire::Reader& in, std::uint8_t) {
    return in.u8();
}
wire::Ipv4Address read(wire::Reader& in, wire::Ipv4Address) {
    return wire::Ipv4Address{in.u32()};
}

void write(wire::Writer& out, std::uint32_t value) {
    out.u32(value);
}
void write(wire::Writer& out, std::uint16_t value) {
    out.u16(value);
}
void write(wire::Writer& out, std::uint8_t value) {
    out.u8(value);
}
void write(wire::Writer& out, wire::Ipv4Address value) {
    out.u32(value.host());
}

/// Calls `visit(range)` for the seven fields in wire order.
template <class Selector, class Visit>
void for_each_field(Selector& selector, Visit visit) {
    visit(selector.source);
    visit(selector.destination);
    visit(selector.spi);
    visit(selector.source_port);
    visit(selector.destination_port);
    visit(selector.dscp);
    visit(selector.protocol);
}

/// The wire has the whole DS field; its low two bits (ECN) do not count.
constexpr unsigned kDscpShift = 2;

TrafficSelector shifted_for_wire(TrafficSelector selector) {
    if (selector.dscp) {
        selector.dscp->first = static_cast<std::uint8_t>(selector.dscp->first << kDscpShift);
        selector.dscp->last = static_cast<std::uint8_t>(selector.dscp->last << kDscpShift);
    }
    return selector;
}

}  // namespace

void append(wire::Writer& out, const TrafficSelector& selector) {
    const TrafficSelector fields = shifted_for_wire(selector);
    std::uint32_t flags = 0;
    std::uint32_t flag = kFirstFlag;
    for_each_field(fields, [&](const auto& range) {
        if (range) {
            flags |= range->first == range->last ? flag : flag | flag >> 1;
        }
        flag >>= 2;
    });
    out.u32(flags);
    for_each_field(fields, [&](const auto& range) {
        if (range) {
            write(out, range->first);
            if (range->first != range->last) {
                write(out, range->last);
            }
        }
    });
}

std::size_t encoded_size(const TrafficSelector& selector) noexcept {
    std::size_t size = kFlagsSize;
    for_each_field(selector, [&](const auto& range) {
        if (range) {
            size += sizeof range->first * (range->first == range->last ? 1 : 2);
        }
    });
    return size;
}

std::variant<TrafficSelector, Malformed> decode_traffic_selector(wire::ByteView bytes) {
    wire::Reader in{bytes};
    TrafficSelector selector;
    const std::uint32_t flags = in.u32();
    std::uint32_t flag = kFirstFlag;
    bool end_without_start = false;
    for_each_field(selector, [&](auto& range) {
        const bool has_start = (flags & flag) != 0;
        const bool has_end = (flags & flag >> 1) != 0;
        flag >>= 2;
        end_without_start |= has_end && !has_start;
        if (has_start) {
            auto& held = range.emplace();
            held.first = read(in, held.first);
            held.last = has_end ? read(in, held.last) : held.first;
        }
    });
    if (end_without_start) {
        return Malformed::selector_end_without_start;
    }
    if (in.failed() || !in.at_end()) {
        return Malformed::selector_length;
    }
    if (selector.dscp) {
        selector.dscp->first >>= kDscpShift;
        selector.dscp->last >>= kDscpShift;
    }
    bool end_before_start = false;
    for_each_field(selector, [&](const auto& range) { end_before_start |= range && range->last < range->first; });
    if (end_before_start) {
        return Malformed::selector_end_before_start;
    }
    return selector;
}

}  // namespace homeward::mip
