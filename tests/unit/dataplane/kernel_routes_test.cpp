#include "netlink/kernel_routes.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

namespace homeward::netlink {
namespace {

using tables::kNoPort;
using tables::Route;
using tables::RouteKind;

constexpr int kAccess = 10, kHome = 11, kManagement = 99;

wire::Ipv4Address ip(const char* text) {
    return *wire::Ipv4Address::parse(text);
}
wire::Ipv4Prefix prefix(const char* text) {
    return *wire::Ipv4Prefix::parse(text);
}

const wire::Ipv4Prefix kPrefix = prefix("203.0.113.0/24");

RouteMessage add(std::vector<NextHop> hops, std::uint32_t metric = 0, std::uint32_t table = RT_TABLE_MAIN,
                 std::uint8_t type = RTN_UNICAST) {
    return {.prefix = kPrefix, .table = table, .type = type, .metric = metric, .next_hops = std::move(hops)};
}
RouteMessage remove(RouteMessage message) {
    message.removed = true;
    return message;
}
RouteMessage replace(RouteMessage message) {
    message.replaces = true;
    return message;
}

struct Row {
    const char* what;
    std::vector<RouteMessage> messages;
    std::optional<Route> best;
};

TEST(KernelRoutes, NamesTheRouteInForce) {
    const NextHop a{kAccess, ip("192.0.2.9"), false}, b{kHome, ip("198.51.100.9"), false};
    const NextHop dead{kAccess, ip("192.0.2.9"), true}, outside{kManagement, ip("10.0.0.1"), false};
    const Route by_a{RouteKind::unicast, 0, ip("192.0.2.9")}, by_b{RouteKind::unicast, 1, ip("198.51.100.9")};
    const Row rows[] = {
        {"nothing known", {}, std::nullopt},
        {"one", {add({a})}, by_a},
        {"on the link", {add({{kHome, {}, false}})}, Route{RouteKind::unicast, 1}},
        {"the lower metric", {add({a}, 20), add({b}, 10)}, by_b},
        {"the lower metric goes", {add({a}, 20), add({b}, 10), remove(add({b}, 10))}, by_a},
        {"the last one goes", {add({a}), remove(add({a}))}, std::nullopt},
        {"replaced in place", {add({a}), replace(add({b}))}, by_b},
        {"replaced only at its metric", {add({a}), replace(add({b}, 5))}, by_a},
        {"told twice, removed once", {add({a}), add({a}), remove(add({a}))}, std::nullopt},
        {"removed although its link went down meanwhile", {add({a}), remove(add({dead}))}, std::nullopt},
        {"another next hop is not removed", {add({a}), remove(add({b}))}, by_a},
        {"local before main, whatever the metric",
         {add({a}), add({b}, 500, RT_TABLE_LOCAL, RTN_LOCAL)},
         Route{RouteKind::local, 1}},
        {"main before default", {add({a}, 0, RT_TABLE_DEFAULT), add({b}, 9)}, by_b},
        {"other tables are no business of ours", {add({a}, 0, 100)}, std::nullopt},
        {"the first living next hop", {add({dead, b})}, by_b},
        {"all dead: still the route", {add({dead})}, by_a},
        {"a device that is no twin", {add({outside})}, Route{RouteKind::unreachable}},
        {"an address on lo", {add({outside}, 0, RT_TABLE_LOCAL, RTN_LOCAL)}, Route{RouteKind::local, kNoPort}},
        {"broadcast", {add({b}, 0, RT_TABLE_LOCAL, RTN_BROADCAST)}, Route{RouteKind::broadcast, 1}},
        {"blackhole", {add({}, 0, RT_TABLE_MAIN, RTN_BLACKHOLE)}, Route{RouteKind::blackhole}},
        {"unreachable", {add({}, 0, RT_TABLE_MAIN, RTN_UNREACHABLE)}, Route{RouteKind::unreachable}},
        {"prohibit", {add({}, 0, RT_TABLE_MAIN, RTN_PROHIBIT)}, Route{RouteKind::prohibit}},
    };
    for (const Row& row : rows) {
        KernelRoutes routes{[](int interface) {
            return interface == kAccess ? std::uint16_t{0} : interface == kHome ? std::uint16_t{1} : kNoPort;
        }};
        for (const RouteMessage& message : row.messages) {
            routes.apply(message);
        }
        const auto best = routes.best(kPrefix);
        ASSERT_EQ(best.has_value(), row.best.has_value()) << row.what;
        EXPECT_TRUE(!best || *best == *row.best) << row.what;
        EXPECT_EQ(routes.prefixes().size(), best ? 1U : 0U) << row.what;
    }
}

TEST(KernelRoutes, IgnoresTosRoutes) {
    KernelRoutes routes{[](int) { return std::uint16_t{0}; }};
    RouteMessage message = add({{kAccess, {}, false}});
    message.tos = 0x10;
    EXPECT_FALSE(routes.apply(message));
    EXPECT_FALSE(routes.best(kPrefix));
}

}  // namespace
}  // namespace homeward::netlink
