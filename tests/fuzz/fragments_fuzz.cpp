// Sequences of fragments, of tunnel packets and on their way to nodes: whatever comes, in whatever order, nothing but
// the packet that was cut leaves, every frame is accounted for, and nothing is held for ever.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "../packets/lab.h"

namespace {

using lab::Address;
using lab::Bytes;
using lab::Ether;
using lab::Event;
using lab::Ip;
using lab::Raw;
using lab::Stack;
using lab::Udp;

void require(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "%s\n", what);
        std::abort();
    }
}

/// The input is a list of these.
struct Step {
    static constexpr std::size_t kSize = 4;

    unsigned kind;  ///< 0, 1: of a tunnel packet; 2: to a node; 3: time passes
    unsigned from, what, id;
    unsigned begin, length;
    bool more, options, padding;
    std::uint8_t ecn;

    explicit Step(const std::uint8_t* bytes)
        : kind(bytes[0] & 3U),
          from(bytes[0] >> 2 & 3U),
          what(bytes[0] >> 4 & 3U),
          id(bytes[0] >> 6 & 3U),
          begin(bytes[1] * 8U),
          // One buffer each, and one packet in a tunnel.
          length(std::min(bytes[2] * 8U + (bytes[3] & 7U), kind == 2 ? 1400U : 1900U)),
          more((bytes[3] & 8) != 0),
          options((bytes[3] & 64) != 0),
          padding((bytes[3] & 128) != 0),
          ecn(bytes[3] >> 4 & 3U) {}
};

Stack inner(std::uint8_t ttl) {
    return Ip{.src = lab::kNode, .dst = lab::kPeer, .ttl = ttl, .tos = 2} / Udp{.src = 1, .dst = 2} / Raw::pattern(960);
}

/// 1000 bytes behind the IP header of each: data, a keepalive, a registration, something else.
Bytes datagram(unsigned what, unsigned from) {
    const Address sources[] = {lab::kWlan, lab::kCellular, lab::kFar, lab::kWlan2};
    const std::uint16_t ports[] = {lab::kWlanPort, lab::kCellularPort, 700, lab::kWlan2Port};
    const Stack headers =
        Ether{.dst = lab::kAccessMac, .src = lab::kGatewayMac} / Ip{.src = sources[from], .dst = lab::kHomeAgent};
    switch (what) {
        case 0:
            return (headers / Udp{.src = ports[from], .dst = 434} / lab::Tunnel{} / inner(64)).bytes();
        case 1:
            return (headers / Udp{.src = ports[from], .dst = 434} / lab::Tunnel{} /
                    Ip{.src = lab::kNode, .dst = lab::kHomeAgent} / lab::Icmp{.type = 8} / Raw::pattern(960))
                .bytes();
        case 2:
            return (headers / Udp{.src = ports[from], .dst = 434} / Raw{"\x01"} / Raw::pattern(991)).bytes();
        default:
            return (headers / Udp{.src = ports[from], .dst = 4500} / Raw::pattern(992)).bytes();
    }
}

void put(Bytes& frame, std::size_t at, std::size_t value) {
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
}

/// A fragment of the IP packet in `whole`; zeros where that has ended.
Bytes cut(const Bytes& whole, const Step& step) {
    Bytes frame(whole.begin(), whole.begin() + 34);
    frame.insert(frame.end(), step.options ? 4 : 0, 1);
    for (std::size_t at = 34 + step.begin; at < 34 + step.begin + step.length; ++at) {
        frame.push_back(at < whole.size() ? whole[at] : std::uint8_t{0});
    }
    frame[14] = step.options ? 0x46 : 0x45;
    frame[15] = step.ecn;
    put(frame, 16, frame.size() - 14);
    put(frame, 18, step.id);
    put(frame, 20, (step.more ? 0x2000U : 0U) | step.begin / 8);
    put(frame, 24, 0);
    put(frame, 24, harness::internet_checksum(&frame[14], step.options ? 24 : 20));
    frame.insert(frame.end(), step.padding ? 5 : 0, 0xee);
    return frame;
}

/// UDP to one of two nodes, from a port that the policy asks for or another.
Bytes to_node(const Step& step) {
    const Stack whole = Ip{.src = lab::kFar, .dst = step.what == 0 ? lab::kNode2 : lab::kNode} /
                        Udp{.src = static_cast<std::uint16_t>(5000 + step.from), .dst = 9} / Raw::pattern(992);
    return cut(lab::on_home_link(whole).bytes(), step);
}

std::uint64_t dropped(const lab::Lab& world) {
    std::uint64_t sum = 0;
    for (const auto& [name, count] : world.drops()) {
        sum += count;
    }
    return sum;
}

/// What may leave: the inner packet as it was, but for its ECN; tunnel packets with right checksums; or to the kernel a
/// frame as it came, or without its padding.
void check(const lab::Emitted& emitted, const Bytes& expected, const std::vector<Bytes>& frames) {
    if (emitted.kernel) {
        require(std::any_of(frames.begin(), frames.end(),
                            [&](const Bytes& frame) {
                                return emitted.frame.size() <= frame.size() &&
                                       std::equal(emitted.frame.begin(), emitted.frame.end(), frame.begin());
                            }),
                "the kernel got a frame that nobody sent");
    } else if (emitted.port == lab::kHome) {
        Bytes frame = emitted.frame;
        require(frame.size() == expected.size(), "a packet of another length left");
        frame[15] = expected[15];
        std::copy_n(expected.begin() + 24, 2, frame.begin() + 24);
        require(frame == expected, "another packet left than was cut");
    } else {
        require(emitted.frame[15] <= 3 || emitted.frame[23] == 17, "what left by the access port is no tunnel packet");
        require(harness::internet_checksum(&emitted.frame[14], 20) == 0, "a broken outer header left");
    }
}

/// Frames that came, less those that are gone one way or the other.
std::int64_t unaccounted(const lab::Lab& world, std::uint64_t frames, std::uint64_t emitted) {
    return static_cast<std::int64_t>(frames + world.count(Event::datagrams_reassembled)) -
           static_cast<std::int64_t>(emitted + dropped(world) + world.count(Event::fragments_reassembled) +
                                     world.leaked());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr unsigned kBuffers = 32;
    static lab::Lab world{true, true, {.datagrams = 16, .buffers = kBuffers, .timeout_ms = 1000}};
    static const Bytes expected = lab::to_peer(inner(63)).bytes();
    static const bool steered = [] {
        world.put_policy(1, {.rules = {{.correspondent = {}, .protocol = 17, .ports = {5000, 5000}, .uplinks = {2}},
                                       {.correspondent = {}, .protocol = 17, .ports = {5001, 5001}, .uplinks = {}}},
                             .fallback = {1}});
        world.put(world.node_record());
        return true;
    }();
    static std::uint64_t frame_count = 0, emitted_count = 0;
    require(steered, "no policy");
    std::vector<Bytes> frames;
    for (std::size_t at = 0; at + Step::kSize <= size && frames.size() < 200; at += Step::kSize) {
        const Step step{data + at};
        if (step.kind == 3) {
            world.advance_ms(data[at + 1] * 8U);
            world.tick();
        } else {
            const bool tunnel = step.kind != 2;
            frames.push_back(tunnel ? cut(datagram(step.what, step.from), step) : to_node(step));
            world.run(tunnel ? lab::kAccess : lab::kHome, lab::Origin::wire, frames.back());
            ++frame_count;
        }
        for (const lab::Emitted& emitted : world.emitted) {
            check(emitted, expected, frames);
        }
        emitted_count += world.emitted.size();
        world.emitted.clear();
        require(unaccounted(world, frame_count, emitted_count) == 0, "a frame was lost track of");
        require(world.leaked() <= kBuffers + 64, "more is held than may be");
    }
    world.advance_ms(31'000);
    for (unsigned i = 0; i < 8; ++i) {  // 16 datagrams, 4 in a round
        world.tick();
    }
    emitted_count += world.emitted.size();
    world.emitted.clear();
    world.requests.clear();
    require(world.leaked() == 0, "something is held for ever");
    return 0;
}
