#include <gtest/gtest.h>

#include "registration_bench.h"

/// Tunnels without UDP (RFC 2003): asked for by not forcing UDP, agreed to by a reply that declines it.
namespace homeward::mn::registration {
namespace {

using namespace std::chrono_literals;

void allow(ClientConfig& config) {
    config.ip_in_ip = true;
}
void decline(mip::RegistrationReply& reply) {
    reply.udp_tunnel = mip::UdpTunnelReply{.code = mip::UdpTunnelReply::kDeclined, .keepalive_s = 25};
}
void say_nothing(mip::RegistrationReply& reply) {
    reply.udp_tunnel.reset();
}
bool forces_udp(const SentRequest& sent) {
    return sent.request.udp_tunnel->forced;
}

TEST(PlainTunnel, IsLeftToTheHomeAgentOnlyIfConfigured) {
    Bench without;
    without.up(kWlan);
    EXPECT_TRUE(forces_udp(without.last()));
    Bench with{allow};
    with.up(kWlan);
    EXPECT_FALSE(forces_udp(with.last()));
}

TEST(PlainTunnel, IsAgreedWhereTheReplyDeclinesUdpOrKnowsNoneOfIt) {
    for (const Bench::Tweak& reply : {Bench::Tweak{decline}, Bench::Tweak{say_nothing}}) {
        Bench bench{allow};
        bench.up(kWlan);
        bench.answer(SentRequest{bench.last()}, mip::ReplyCode::accepted, reply);
        EXPECT_EQ(bench.state(kWlan), State::bound);
        EXPECT_EQ(bench.tunnels, std::vector{true});
        bench.client.measured(kWlan, 10ms);
        bench.pass(34s);  // a renewal
        EXPECT_FALSE(forces_udp(bench.last()));
        bench.answer(SentRequest{bench.last()}, mip::ReplyCode::accepted, reply);
        EXPECT_EQ(bench.tunnels, std::vector{true});
    }
}

TEST(PlainTunnel, IsNotWhereTheHomeAgentSeesANat) {
    Bench bench{allow};
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.state(kWlan), State::bound);
    EXPECT_TRUE(bench.tunnels.empty());
}

TEST(PlainTunnel, EndsWhenARenewalBringsUdp) {
    Bench bench{allow};
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()}, mip::ReplyCode::accepted, decline);
    bench.pass(34s);
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.tunnels, (std::vector{true, false}));
}

TEST(PlainTunnel, RefusedUdpIsForcedAtOnce) {
    Bench bench{allow};
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()}, mip::ReplyCode::encapsulation_unavailable);
    bench.pass(1s);
    EXPECT_TRUE(forces_udp(bench.last()));
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.state(kWlan), State::bound);
    bench.up(kCellular);
    EXPECT_TRUE(forces_udp(bench.last())) << "it is the home agent's, not the uplink's";
}

/// A firewall on the way passes UDP and nothing else.
TEST(PlainTunnel, IsGivenUpWhereNothingComesThrough) {
    Bench bench{allow};
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()}, mip::ReplyCode::accepted, decline);
    bench.client.refresh(kWlan, bench.now());
    bench.collect();
    bench.pass(1s);
    EXPECT_TRUE(forces_udp(bench.last()));
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.tunnels, (std::vector{true, false}));
    bench.up(kWlan, 0xc0a80909U);
    EXPECT_FALSE(forces_udp(bench.last())) << "another network";
}

TEST(PlainTunnel, IsKeptWhereItWorked) {
    Bench bench{allow};
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()}, mip::ReplyCode::accepted, decline);
    bench.client.measured(kWlan, 10ms);
    bench.client.refresh(kWlan, bench.now());
    bench.collect();
    bench.pass(1s);
    EXPECT_FALSE(forces_udp(bench.last()));
}

}  // namespace
}  // namespace homeward::mn::registration
