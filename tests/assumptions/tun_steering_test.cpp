// What the agent takes for granted of the kernel it runs on, shown in a network namespace of the test's own:
// a steering program's return value is the index of a TUN's queue; a device that is not persistent goes with its last
// descriptor and takes address and routes along; a socket bound to a device is not caught by a route through another.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <optional>

#include "bpf_steering/steering.h"
#include "netlink/socket.h"
#include "routing/routing.h"
#include "tunnel/tun_device.h"

namespace homeward {
namespace {

constexpr const char* kDevice = "hwtest0";

wire::Ipv4Address ip(const char* text) {
    return *wire::Ipv4Address::parse(text);
}

class TunSteering : public testing::Test {
  protected:
    void SetUp() override {
        if (::unshare(CLONE_NEWNET) != 0) {
            GTEST_SKIP() << "needs root for a network namespace";
        }
        Result<std::unique_ptr<bpf::Steering>> loaded = bpf::Steering::load();
        if (!loaded) {
            GTEST_SKIP() << loaded.error().text;
        }
        steering = std::move(*loaded);
        Result<tunnel::TunDevice> device = tunnel::TunDevice::create(kDevice, 3, true);
        ASSERT_TRUE(device) << device.error().text;
        tun = std::make_unique<tunnel::TunDevice>(std::move(*device));
        ASSERT_TRUE(steering->attach(tun->queue(0)));
        ASSERT_TRUE(steering->set_none_queue(2));
        ASSERT_TRUE(steering->set_uplink(1, true, 0));
        ASSERT_TRUE(steering->set_uplink(2, true, 1));
        routing::Settings settings;
        settings.tunnel_interface = kDevice;
        settings.table = 4340;
        settings.priority = 4340;
        settings.home_agent = ip("192.0.2.1");
        settings.block_ipv6 = false;
        Result<routing::Routing> opened = routing::Routing::open(settings);
        ASSERT_TRUE(opened);
        routing.emplace(std::move(*opened));
        ASSERT_EQ(routing->set_link(kDevice, true, 1468), 0);
        ASSERT_EQ(routing->add_address(kDevice, ip("10.9.9.9")), 0);
        ASSERT_TRUE(routing->enter(ip("10.9.9.9")));
        policy::Policy policy;
        policy.fallback = {1, 2};
        policy.rules.push_back({*wire::Ipv4Prefix::parse("198.51.100.0/24"), 0, {}, {2, 1}});
        policy.rules.push_back({*wire::Ipv4Prefix::parse("203.0.113.0/24"), 0, {}, {}});
        Result<policy::Table> table = policy::Table::compile(policy);
        ASSERT_TRUE(table);
        Result<UniqueFd> trie = bpf::Steering::fill(*table);
        ASSERT_TRUE(trie);
        ASSERT_TRUE(steering->swap(*trie, policy.rules.size()));
    }

    static bool send_to(const char* destination) {
        const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(9);
        to.sin_addr.s_addr = ip(destination).wire().raw();
        return ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 1;
    }
    /// Index of the queue that became readable; its packet is taken.
    int queue_that_got_it() const {
        std::array<pollfd, 3> polled{};
        for (unsigned i = 0; i < polled.size(); ++i) {
            polled[i] = {tun->queue(i), POLLIN, 0};
        }
        if (::poll(polled.data(), polled.size(), 5000) <= 0) {
            return -1;
        }
        for (unsigned i = 0; i < polled.size(); ++i) {
            std::array<std::uint8_t, 2048> packet;
            if ((polled[i].revents & POLLIN) != 0 && ::read(tun->queue(i), packet.data(), packet.size()) > 0) {
                return static_cast<int>(i);
            }
        }
        return -1;
    }

    std::unique_ptr<bpf::Steering> steering;
    std::unique_ptr<tunnel::TunDevice> tun;
    std::optional<routing::Routing> routing;
};

TEST_F(TunSteering, TheProgramsAnswerIsTheQueue) {
    struct Row {
        const char* to;
        bool first_usable, second_usable;
        int queue;
    };
    for (const Row& row :
         {Row{"192.0.2.77", true, true, 0}, Row{"198.51.100.1", true, true, 1}, Row{"198.51.100.1", true, false, 0},
          Row{"192.0.2.77", false, true, 1}, Row{"203.0.113.1", true, true, 2}, Row{"192.0.2.77", false, false, 2}}) {
        ASSERT_TRUE(steering->set_uplink(1, row.first_usable, 0));
        ASSERT_TRUE(steering->set_uplink(2, row.second_usable, 1));
        ASSERT_TRUE(send_to(row.to)) << row.to;
        EXPECT_EQ(queue_that_got_it(), row.queue) << row.to;
    }
    EXPECT_EQ(steering->counters()[HOMEWARD_STEERING_PACKETS], 6U);
}

TEST_F(TunSteering, TheDeviceGoesWithItsLastDescriptor) {
    ASSERT_TRUE(send_to("192.0.2.77"));
    tun.reset();
    EXPECT_EQ(::if_nametoindex(kDevice), 0U);
    EXPECT_FALSE(send_to("192.0.2.77")) << "its routes go, too; the rules that are left lead to an empty table";
    // One of the home address, one for everything: what a killed agent leaves.
    EXPECT_EQ(routing->clean(), 2);
    EXPECT_EQ(routing->clean(), 0);
}

TEST_F(TunSteering, ASocketBoundToAnotherDeviceIsNotCaught) {
    const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    ASSERT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    to.sin_addr.s_addr = ip("192.0.2.77").wire().raw();
    EXPECT_NE(::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to), 1);
    EXPECT_EQ(steering->counters()[HOMEWARD_STEERING_PACKETS], 0U);
}

}  // namespace
}  // namespace homeward
