#include "tables/routes.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace homeward::tables {
namespace {

using wire::Ipv4Address;
using wire::Ipv4Prefix;

/// The obvious way: the longest of all rules that cover the address.
Route naive(const std::map<Ipv4Prefix, Route>& rules, Ipv4Address address) {
    Route best;
    int length = -1;
    for (const auto& [prefix, route] : rules) {
        if (prefix.contains(address) && int{prefix.length} > length) {
            best = route;
            length = prefix.length;
        }
    }
    return best;
}

TEST(Routes, EmptyTableHasNoRoute) {
    const Routes routes;
    EXPECT_EQ(routes.lookup(Ipv4Address{0}).kind(), RouteKind::none);
    EXPECT_EQ(routes.lookup(Ipv4Address{0xffffffff}).kind(), RouteKind::none);
}

TEST(Routes, AWordHoldsARoute) {
    const Route route{RouteKind::unicast, 3, Ipv4Address{0xc0000201}};
    EXPECT_EQ(route.kind(), RouteKind::unicast);
    EXPECT_EQ(route.port(), 3);
    EXPECT_EQ(route.gateway(), Ipv4Address{0xc0000201});
    EXPECT_EQ(route.with_length(24).length(), 24U);
    EXPECT_EQ(route.with_length(24), route);
    EXPECT_EQ(Route(RouteKind::local, kNoPort).port(), kNoPort);
}

TEST(Routes, ForeignIsNobodysOfOurs) {
    Routes routes;
    const auto foreign = [&](const char* address) {
        return routes.reader().foreign(wire::be32{Ipv4Address::parse(address)->host()});
    };
    const auto prefix = [](const char* text) { return *Ipv4Prefix::parse(text); };
    for (const char* address : {"0.0.0.1", "127.0.0.1", "224.0.0.5", "255.255.255.255"}) {
        EXPECT_FALSE(foreign(address)) << address;
    }
    EXPECT_TRUE(foreign("192.0.2.1"));

    routes.put(prefix("192.0.2.1/32"), Route{RouteKind::local});
    routes.put(prefix("192.168.0.1/32"), Route{RouteKind::local});
    EXPECT_FALSE(foreign("192.0.2.1"));
    EXPECT_FALSE(foreign("192.51.100.7"));  // may be: it has to be looked up
    EXPECT_TRUE(foreign("198.51.100.7"));

    routes.put(prefix("192.0.2.1/32"), Route{RouteKind::local});  // again
    routes.remove(prefix("192.0.2.1/32"));
    EXPECT_FALSE(foreign("192.0.2.1"));
    routes.put(prefix("192.168.0.1/32"), Route{RouteKind::unicast, 1});  // no longer ours
    EXPECT_TRUE(foreign("192.0.2.1"));
    EXPECT_FALSE(foreign("127.0.0.1"));

    routes.claim(*Ipv4Address::parse("192.0.2.1"));  // ours, though no route says so
    EXPECT_FALSE(foreign("192.0.2.1"));
    routes.put(prefix("192.168.0.1/32"), Route{RouteKind::local});
    routes.remove(prefix("192.168.0.1/32"));
    EXPECT_FALSE(foreign("192.0.2.1"));
    routes.release(*Ipv4Address::parse("192.0.2.1"));
    EXPECT_TRUE(foreign("192.0.2.1"));
}

/// What the reader's first look says of an octet follows its routes: one for all of it, several, one again.
TEST(Routes, AnOctetWithOneRouteIsToldByItself) {
    Routes routes;
    const auto prefix = [](const char* text) { return *Ipv4Prefix::parse(text); };
    const auto first = [&](const char* address) {
        return routes.reader().first_cell(wire::be32{Ipv4Address::parse(address)->host()});
    };
    const Route onward{RouteKind::unicast, 1, Ipv4Address{0xc0000201}}, aside{RouteKind::unicast, 2};
    routes.put(prefix("0.0.0.0/0"), onward);
    EXPECT_EQ(first("10.1.2.3"), onward.bits());
    routes.put(prefix("10.1.0.0/16"), aside);
    EXPECT_EQ(first("10.1.2.3"), aside.with_length(16).bits());
    EXPECT_EQ(first("10.2.2.3"), onward.bits());
    routes.put(prefix("10.2.2.0/24"), aside);
    EXPECT_NE(first("10.2.9.9"), onward.bits()) << "not in the first step's cell";
    EXPECT_EQ(routes.lookup(*Ipv4Address::parse("10.2.9.9")), onward);
    EXPECT_EQ(first("11.2.2.3"), onward.bits());
    routes.remove(prefix("10.1.0.0/16"));
    EXPECT_EQ(first("10.1.2.3"), onward.bits());
    routes.put(prefix("10.0.0.0/7"), aside);  // two octets, the first still with more in it
    EXPECT_EQ(first("11.2.2.3"), aside.with_length(7).bits());
    EXPECT_EQ(routes.lookup(*Ipv4Address::parse("10.2.2.9")), aside);
    routes.remove(prefix("0.0.0.0/0"));
    EXPECT_EQ(first("12.0.0.1"), Route{}.bits());
}

/// Adds, replaces and removes at random in a small part of the address space, so that prefixes nest and collide.
TEST(Routes, AgreesWithTheNaiveList) {
    std::mt19937 random{4711};
    Routes routes;
    std::map<Ipv4Prefix, Route> rules;
    const auto address = [&] {
        return Ipv4Address{0x0a000000U | (static_cast<std::uint32_t>(random()) & 0x030301ffU)};
    };
    for (unsigned step = 0; step < 3000; ++step) {
        const auto prefix = Ipv4Prefix::of(address(), static_cast<std::uint8_t>(random() % 33));
        if (random() % 3 != 0) {
            const Route route{RouteKind::unicast, static_cast<std::uint16_t>(random() % 8),
                              Ipv4Address{static_cast<std::uint32_t>(random())}};
            routes.put(prefix, route);
            rules[prefix] = route;
        } else if (!rules.empty()) {
            const auto victim = std::next(rules.begin(), static_cast<long>(random() % rules.size()))->first;
            routes.remove(victim);
            rules.erase(victim);
        }
        for (unsigned i = 0; i < 5; ++i) {
            const Ipv4Address probe = address();
            ASSERT_EQ(routes.lookup(probe), naive(rules, probe)) << probe.to_string() << " at step " << step;
        }
        ASSERT_EQ(routes.lookup(prefix.last()), naive(rules, prefix.last()));
    }
    EXPECT_EQ(routes.size(), rules.size());
}

}  // namespace
}  // namespace homeward::tables
