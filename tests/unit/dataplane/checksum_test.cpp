#include "../../../ha-dataplane/pipeline/checksum.h"

#include <gtest/gtest.h>

namespace homeward::pipeline {
namespace {

/// Every value that a checksum can have: the carry's edges are among them.
TEST(DecrementTtl, KeepsEveryHeaderSumRight) {
    for (unsigned id = 0; id <= 0xffff; ++id) {
        Ipv4Header ip{};
        ip.version_ihl = 0x45;
        ip.id = be16{static_cast<std::uint16_t>(id)};
        ip.ttl = static_cast<std::uint8_t>(1 + id % 255);
        ip.protocol = kProtocolUdp;
        set_checksum(ip);
        const Ipv4Header before = ip;

        decrement_ttl(ip);

        ASSERT_EQ(ip.ttl, before.ttl - 1);
        ASSERT_EQ(ip.protocol, before.protocol);
        ASSERT_NE(ip.checksum, be16{0xffff});
        Ipv4Header anew = ip;
        set_checksum(anew);
        ASSERT_EQ(ip.checksum, anew.checksum) << "id " << id;
    }
}

}  // namespace
}  // namespace homeward::pipeline
