// Arbitrary frames through the real pipeline: no crash, no packet lost track of, and what is wrapped is well formed.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "../packets/lab.h"

namespace {

void require(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "%s\n", what);
        std::abort();
    }
}

bool is_ours(const lab::Bytes& frame) {
    return frame.size() >= 46 && frame[12] == 8 && frame[13] == 0 && frame[14] == 0x45 && frame[23] == 17 &&
           frame[26] == 192 && frame[27] == 147 && frame[28] == 23 && frame[29] == 11 && frame[34] == 1 &&
           frame[35] == 0xb2 && frame[42] == 4;
}

/// The outer headers only: what is inside came from outside, and may be as broken as it likes behind its IP header.
bool outer_valid(const lab::Bytes& frame) {
    const unsigned total = unsigned{frame[16]} << 8 | frame[17];
    const unsigned udp = unsigned{frame[38]} << 8 | frame[39];
    return total == frame.size() - 14 && udp == total - 20 && harness::internet_checksum(&frame[14], 20) == 0;
}

}  // namespace

/// Byte 0: bit 0 the port, bit 1 the origin, bit 2 ECN mode, bit 3 whether the frame's destination MAC is made ours.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static lab::Lab world;
    if (size == 0) {
        return 0;
    }
    const std::uint16_t port = data[0] & 1;
    const auto origin = (data[0] & 2) != 0 ? lab::Origin::kernel : lab::Origin::wire;
    const auto ecn = (data[0] & 4) != 0 ? lab::ipc::Ecn::normal : lab::ipc::Ecn::compatibility;
    if (ecn != world.settings().ecn) {
        world.settings().ecn = ecn;
        world.apply_settings();
        world.tables().reclaim();
    }
    lab::Bytes frame(data + 1, data + size);
    frame.resize(std::min<std::size_t>(frame.size(), 9000));
    if ((data[0] & 8) != 0 && frame.size() >= 6) {
        const auto& mac = port == lab::kAccess ? lab::kAccessMac : lab::kHomeMac;
        std::copy(mac.begin(), mac.end(), frame.begin());
    }
    world.run(port, origin, frame);
    for (const lab::Emitted& emitted : world.emitted) {
        const bool unchanged = emitted.frame == frame;
        require(unchanged || emitted.kernel || !is_ours(emitted.frame) || outer_valid(emitted.frame),
                "a tunnel packet left with broken headers");
    }
    world.emitted.clear();
    world.requests.clear();
    world.advance_ms(4000);
    world.tick();
    require(world.leaked() == 0, "a packet was lost track of");
    return 0;
}
