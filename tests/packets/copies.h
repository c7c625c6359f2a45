#pragma once

#include "lab.h"

namespace lab {

inline const Stack kTwice = Udp{.src = 1000, .dst = 2000} / Raw{"twice"};
inline const Stack kFromPeer = Ip{.src = kPeer, .dst = kNode} / kTwice;
inline const Stack kFromFar = Ip{.src = kFar, .dst = kNode} / kTwice;

/// A tunnel packet that left for a node.
struct Left {
    Address to;
    unsigned number = 0;
    Bytes inner;

    explicit Left(const Bytes& frame) {
        constexpr std::size_t kCareOfAt = 14 + 16, kNumberAt = 14 + 20 + 8 + 2;
        for (std::size_t i = 0; i < 4; ++i) {
            to.value = to.value << 8 | frame.at(kCareOfAt + i);
        }
        number = static_cast<unsigned>(frame.at(kNumberAt) << 8 | frame.at(kNumberAt + 1));
        inner.assign(frame.begin() + kNumberAt + 2, frame.end());
    }
};

/// A home agent that numbers, and what it sends more than once.
class Copies : public testing::Test {
  protected:
    explicit Copies(std::uint32_t resend_ms = 0) : lab(true, true, Lab::kBounds, resend_ms) {}

    ipc::Binding record(std::uint8_t flags = ipc::kNumbered) const {
        ipc::Binding node = lab.node_record();
        node.flags |= flags;
        node.run = 1;
        return node;
    }
    std::vector<Left> send(const Stack& inner) {
        lab.emitted.clear();
        lab.run(kHome, Origin::wire, on_home_link(inner).bytes());
        return taken();
    }
    std::vector<Left> taken() const {
        std::vector<Left> result;
        for (const Emitted& each : lab.emitted) {
            EXPECT_EQ(each.port, kAccess);
            result.emplace_back(each.frame);
        }
        return result;
    }
    std::vector<Left> tick() {
        lab.emitted.clear();
        lab.tick();
        return taken();
    }

    Lab lab;
};

}  // namespace lab
