#include "wire/ipv4.h"

#include <gtest/gtest.h>

namespace homeward::wire {
namespace {

TEST(Ipv4Address, ReadsAndPrintsDottedQuads) {
    EXPECT_EQ(Ipv4Address::parse("192.0.2.1")->host(), 0xc0000201U);
    EXPECT_EQ(Ipv4Address{0xc0000201}.to_string(), "192.0.2.1");
    for (const char* bad : {"", "192.0.2", "192.0.2.256", "192.0.2.1 ", "a.b.c.d", "::1"}) {
        EXPECT_FALSE(Ipv4Address::parse(bad)) << bad;
    }
}

TEST(Ipv4Address, TellsAddressesThatAHostCanOwn) {
    for (const char* good : {"1.0.0.1", "10.10.0.5", "223.255.255.255"}) {
        EXPECT_TRUE(Ipv4Address::parse(good)->is_unicast()) << good;
    }
    for (const char* bad : {"0.0.0.1", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"}) {
        EXPECT_FALSE(Ipv4Address::parse(bad)->is_unicast()) << bad;
    }
}

TEST(Ipv4Prefix, RefusesHostBitsAndLengthsBeyond32) {
    EXPECT_EQ(Ipv4Prefix::parse("10.1.0.0/16")->to_string(), "10.1.0.0/16");
    EXPECT_EQ(Ipv4Prefix::parse("10.1.2.3")->length, 32);
    for (const char* bad : {"10.1.2.3/16", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x"}) {
        EXPECT_FALSE(Ipv4Prefix::parse(bad)) << bad;
    }
}

TEST(Ipv4Prefix, IsTheIntervalFromFirstToLast) {
    const Ipv4Prefix prefix = *Ipv4Prefix::parse("198.51.100.0/24");
    EXPECT_EQ(prefix.last().to_string(), "198.51.100.255");
    EXPECT_TRUE(prefix.contains(prefix.last()));
    EXPECT_FALSE(prefix.contains(Ipv4Address{prefix.last().host() + 1}));
    const Ipv4Prefix everything{};
    EXPECT_TRUE(everything.contains(prefix));
    EXPECT_FALSE(prefix.contains(everything));
    EXPECT_EQ(everything.last().host(), 0xffffffffU);
}

}  // namespace
}  // namespace homeward::wire
