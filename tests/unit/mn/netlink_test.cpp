/// Netlink messages against the layout in linux/netlink.h, and conversations with the kernel.
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "netlink/attribute.h"
#include "netlink/message.h"
#include "netlink/socket.h"

namespace homeward::netlink {
namespace {

using wire::Bytes;
using wire::ByteView;

static_assert(std::endian::native == std::endian::little, "the rows below are written down as such a machine has them");

Bytes behind_header(Message& message) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(message.header());
    return {first + NLMSG_HDRLEN, first + message.header()->nlmsg_len};
}

/// Type and payload of every attribute of an area.
std::vector<std::pair<int, Bytes>> listed(const Bytes& area) {
    std::vector<std::pair<int, Bytes>> result;
    for_each(area, [&](const nlattr& attribute) {
        result.emplace_back(type_of(attribute), Bytes(payload(attribute).begin(), payload(attribute).end()));
    });
    return result;
}

TEST(NetlinkMessage, LaysAttributesOutWithPadding) {
    Message message(RTM_NEWRULE, NLM_F_CREATE);
    message.extra<rtgenmsg>().rtgen_family = 2;  // one byte, padded to four
    message.put_u8(5, 0x48);
    message.put(6, std::string("abcd"));
    nlattr* nested = message.nest(7);
    message.put(8, wire::Ipv4Address{wire::be32{0x0a000102}});
    message.end(nested);
    message.put(9, std::uint32_t{1});
    EXPECT_EQ(behind_header(message), (Bytes{2,  0, 0, 0,                                       // the family
                                             5,  0, 5, 0,    0x48, 0,   0,   0,                 // u8
                                             9,  0, 6, 0,    'a',  'b', 'c', 'd', 0,  0, 0, 0,  // text and its zero
                                             12, 0, 7, 0x80, 8,    0,   8,   0,   10, 0, 1, 2,  // nested
                                             8,  0, 9, 0,    1,    0,   0,   0}));
    EXPECT_EQ(message.header()->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
    EXPECT_EQ(message.header()->nlmsg_type, RTM_NEWRULE);
}

TEST(NetlinkMessage, RefusesMoreThanItHolds) {
    Message message(RTM_NEWRULE, 0);
    const std::vector<char> large(2000);
    EXPECT_THROW(message.put_bytes(1, large.data(), large.size()), std::length_error);
    message.put_bytes(1, large.data(), 600);
    EXPECT_THROW(message.put_bytes(1, large.data(), 600), std::length_error);
    EXPECT_EQ(message.header()->nlmsg_len, NLMSG_HDRLEN + 604U);
}

struct AreaRow {
    const char* name;
    Bytes area;
    std::vector<std::pair<int, Bytes>> attributes;
};

class NetlinkAttributes : public testing::TestWithParam<AreaRow> {};

TEST_P(NetlinkAttributes, AreThoseThatLieWholeInTheArea) {
    EXPECT_EQ(listed(GetParam().area), GetParam().attributes);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, NetlinkAttributes,
    testing::Values(AreaRow{"Empty", {}, {}}, AreaRow{"HalfAHeader", {8, 0}, {}},
                    AreaRow{"TwoAndPadding", {5, 0, 1, 0, 7, 0, 0, 0, 4, 0, 2, 0}, {{1, {7}}, {2, {}}}},
                    AreaRow{"LastWithoutPadding", {5, 0, 1, 0, 7}, {{1, {7}}}},
                    AreaRow{"LongerThanTheArea", {4, 0, 1, 0, 9, 0, 2, 0, 1, 2}, {{1, {}}}},
                    AreaRow{"ShorterThanItsHeader", {3, 0, 1, 0, 4, 0, 2, 0}, {}},
                    AreaRow{"FlagsAreNoPartOfTheType", {4, 0, 1, 0x80, 4, 0, 2, 0x40}, {{1, {}}, {2, {}}}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(NetlinkAttribute, ReadsAsZeroWhereItIsTooShort) {
    const Bytes area{6, 0, 1, 0, 7, 1, 0, 0, 8, 0, 2, 0, 'a', 'b', 'c', 'd', 8, 0, 3, 0, 'e', 0, 'f', 0};
    EXPECT_EQ(number<std::uint16_t>(find(area, 1)), 0x0107);
    EXPECT_EQ(number<std::uint32_t>(find(area, 1)), 0U);
    EXPECT_EQ(number<std::uint32_t>(find(area, 4)), 0U);
    EXPECT_EQ(text(find(area, 2)), "abcd");
    EXPECT_EQ(text(find(area, 3)), "e");
    EXPECT_EQ(text(find(area, 4)), "");
}

TEST(NetlinkSocket, DumpsTheLoopbackInterface) {
    Result<Socket> socket = Socket::open();
    ASSERT_TRUE(socket);
    Message request(RTM_GETLINK, 0);
    request.extra<ifinfomsg>().ifi_family = AF_UNSPEC;
    std::vector<std::string> names;
    const auto note = [&](const nlmsghdr& message) {
        names.push_back(text(find(attributes(message, sizeof(ifinfomsg)), IFLA_IFNAME)));
    };
    ASSERT_EQ(socket->dump(request, note), 0);
    EXPECT_EQ(std::count(names.begin(), names.end(), "lo"), 1);
}

TEST(NetlinkSocket, TellsTheKernelsErrorAndGoesOn) {
    Result<Socket> socket = Socket::open();
    ASSERT_TRUE(socket);
    for (int round = 0; round < 2; ++round) {
        Message absent(RTM_GETLINK, 0);
        absent.extra<ifinfomsg>().ifi_index = 0x7fffffff;
        EXPECT_EQ(socket->request(absent), ENODEV);
        Message present(RTM_GETLINK, 0);
        present.extra<ifinfomsg>().ifi_index = static_cast<int>(::if_nametoindex("lo"));
        std::string name;
        const auto note = [&](const nlmsghdr& message) {
            name = text(find(attributes(message, sizeof(ifinfomsg)), IFLA_IFNAME));
        };
        EXPECT_EQ(socket->request(present, note), 0);
        EXPECT_EQ(name, "lo");
    }
}

TEST(NetlinkSocket, HearsTheKernelAlone) {
    Result<UniqueFd> listener = open_netlink(NETLINK_ROUTE, 0, SOCK_NONBLOCK);
    Result<UniqueFd> stranger = open_netlink(NETLINK_ROUTE, 0, 0);
    ASSERT_TRUE(listener && stranger);
    sockaddr_nl to{};
    socklen_t length = sizeof to;
    ASSERT_EQ(::getsockname(listener->get(), reinterpret_cast<sockaddr*>(&to), &length), 0);
    Message forged(RTM_NEWLINK, 0);
    const ssize_t sent = ::sendto(stranger->get(), forged.header(), forged.header()->nlmsg_len, 0,
                                  reinterpret_cast<const sockaddr*>(&to), sizeof to);
    if (sent < 0) {
        GTEST_SKIP() << "this kernel lets nobody but root send to others: " << std::strerror(errno);
    }
    int shown = 0;
    EXPECT_EQ(receive(listener->get(), [&](const nlmsghdr&) { ++shown; }), sent);
    EXPECT_EQ(shown, 0);
}

}  // namespace
}  // namespace homeward::netlink
