#include <gtest/gtest.h>

#include <algorithm>

#include "registration_bench.h"

namespace homeward::mn::registration {
namespace {

using namespace std::chrono_literals;
using mip::ReplyCode;

std::vector<SentRequest> since(const Bench& bench, std::size_t first) {
    return {bench.requests.begin() + static_cast<std::ptrdiff_t>(first), bench.requests.end()};
}

// Registering ---------------------------------------------------------------------------------------------------------

TEST(FirstRequest, SaysEverything) {
    Bench bench{[](ClientConfig& config) { config.nai = "phone@example.org"; }};
    bench.up(kWlan);
    ASSERT_EQ(bench.requests.size(), 1U);
    const mip::RegistrationRequest& request = bench.last().request;
    EXPECT_EQ(bench.last().via, kWlan);
    EXPECT_EQ(request.header.flags, mip::kColocated | mip::kReverseTunnel);
    EXPECT_EQ(request.header.lifetime, 60);
    EXPECT_EQ(request.header.home_address, kHomeAddress);
    EXPECT_EQ(request.header.home_agent, kHomeAgent);
    EXPECT_EQ(request.header.care_of, wire::Ipv4Address{0xc0a80001U});
    EXPECT_EQ(request.nai, "phone@example.org");
    EXPECT_EQ(request.udp_tunnel, (mip::UdpTunnelRequest{.forced = true, .encapsulation = 4}));
    // The first of a run replaces what an earlier run left behind.
    EXPECT_EQ(request.multipath,
              (mip::Multipath{.technology = 4, .label = kWlan, .binding_id = kWlan, .overwrite = true}));
    EXPECT_EQ(bench.state(kWlan), State::registering);
    EXPECT_LT(
        std::chrono::abs(mip::difference(request.header.identification, mip::timestamp(bench.now().unix_time, 0))),
        1ms);
}

TEST(FirstRequest, IsRepeatedWithDoublingDistance) {
    Bench bench;
    bench.up(kWlan);
    bench.pass(2min);
    ASSERT_GE(bench.requests.size(), 6U);
    constexpr Duration kLeast[] = {1s, 2s, 4s, 8s, 16s};
    for (std::size_t i = 0; i < std::size(kLeast); ++i) {
        const Duration distance = bench.requests[i + 1].at - bench.requests[i].at;
        EXPECT_GE(distance, kLeast[i]) << i;
        EXPECT_LE(distance, kLeast[i] * 11 / 10) << i;
    }
    EXPECT_LE(bench.requests.back().at - bench.requests[bench.requests.size() - 2].at, 33s);
    EXPECT_EQ(bench.state(kWlan), State::lost);
    EXPECT_TRUE(bench.happened(Event::Kind::binding_lost));
}

TEST(FirstReply, Binds) {
    Bench bench;
    bench.up(kWlan);
    bench.pass(40ms);
    bench.answer(SentRequest{bench.last()});
    const BindingStatus status = bench.status(kWlan);
    EXPECT_EQ(status.state, State::bound);
    EXPECT_EQ(status.round_trip, 40ms);
    EXPECT_EQ(status.expires_at, bench.last().at + 60s);  // from when it was sent
    EXPECT_GE(*status.renews_at, bench.last().at + 27s);
    EXPECT_LE(*status.renews_at, bench.last().at + 33s);
    EXPECT_EQ(status.keepalive, 25s);
    EXPECT_EQ(status.reason, "");
    ASSERT_FALSE(bench.changes.empty());
    EXPECT_EQ(bench.changes.back().state, State::bound);
    EXPECT_TRUE(bench.happened(Event::Kind::binding_registered));
}

TEST(HomeAddress, IsAskedForByNai) {
    Bench bench{[](ClientConfig& config) {
        config.home_address.reset();
        config.nai = "phone@example.org";
    }};
    bench.up(kWlan);
    EXPECT_TRUE(bench.last().request.header.home_address.is_zero());
    bench.answer(SentRequest{bench.last()}, ReplyCode::accepted,
                 [](mip::RegistrationReply& reply) { reply.header.home_address = kHomeAddress; });
    EXPECT_EQ(bench.assigned, std::vector{kHomeAddress});
    EXPECT_EQ(bench.state(kWlan), State::bound);
    bench.pass(40s);
    EXPECT_EQ(bench.last().request.header.home_address, kHomeAddress);
}

TEST(SecondUplink, WaitsForTheFirstOnesReplyAndReplacesNothing) {
    Bench bench;
    bench.up(kWlan);
    bench.up(kCellular);
    EXPECT_EQ(bench.requests.size(), 1U);
    bench.pass(30ms);
    bench.answer(SentRequest{bench.last()});
    ASSERT_EQ(bench.requests.size(), 2U);
    EXPECT_EQ(bench.last().via, kCellular);
    EXPECT_FALSE(bench.last().request.multipath->overwrite);
}

TEST(SecondUplink, DoesNotWaitForASilentOneLongerThanAReplyMayTake) {
    Bench bench;
    bench.up(kWlan);
    bench.up(kCellular);
    bench.pass(1100ms);
    ASSERT_GE(bench.requests.size(), 2U);
    EXPECT_EQ(std::count_if(bench.requests.begin(), bench.requests.end(),
                            [](const SentRequest& sent) { return sent.via == kCellular; }),
              1);
}

// Lifetimes -----------------------------------------------------------------------------------------------------------

struct LifetimeRow {
    const char* name;
    std::uint16_t granted;
    Duration effective;
};

TEST(Lifetime, IsWhatBothAgreeTo) {
    for (const LifetimeRow& row :
         {LifetimeRow{"as asked", 60, 60s}, LifetimeRow{"less", 20, 20s}, LifetimeRow{"more than asked", 600, 60s}}) {
        Bench bench;
        bench.up(kWlan);
        bench.answer(SentRequest{bench.last()}, ReplyCode::accepted,
                     [&](mip::RegistrationReply& reply) { reply.header.lifetime = row.granted; });
        const Duration start = bench.last().at;
        EXPECT_EQ(bench.status(kWlan).expires_at, start + row.effective) << row.name;
        bench.pass(row.effective * 55 / 100);
        EXPECT_EQ(bench.state(kWlan), State::renewing) << row.name;
        EXPECT_GE(bench.requests[1].at, start + row.effective * 45 / 100) << row.name;
        bench.answer(SentRequest{bench.last()});
        EXPECT_EQ(bench.state(kWlan), State::bound) << row.name;
    }
}

TEST(Lifetime, EndsUnanswered) {
    Bench bench;
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()});
    bench.pass(59s);
    EXPECT_EQ(bench.state(kWlan), State::renewing);  // the only uplink is not given up before
    bench.pass(1s);
    EXPECT_EQ(bench.state(kWlan), State::lost);
    bench.pass(40s);
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.state(kWlan), State::bound);
}

TEST(Requests, AreASecondApartPerUplink) {
    Bench bench;
    bench.bind_both();
    const std::size_t first = bench.requests.size();
    bench.pass(10min);
    for (const Label label : {kWlan, kCellular}) {
        std::optional<Duration> previous;
        for (const SentRequest& sent : since(bench, first)) {
            if (sent.request.multipath && sent.request.multipath->binding_id == label) {
                EXPECT_TRUE(!previous || sent.at - *previous >= 1s);
                previous = sent.at;
            }
        }
    }
}

// Handover ------------------------------------------------------------------------------------------------------------

TEST(LinkLost, IsToldOverTheSurvivorAtOnce) {
    Bench bench;
    bench.bind_both();
    const std::size_t first = bench.requests.size();
    bench.down(kWlan);
    ASSERT_EQ(bench.requests.size(), first + 1);
    EXPECT_EQ(bench.last().via, kCellular);
    EXPECT_EQ(bench.last().request.header.lifetime, 0);
    EXPECT_EQ(bench.last().request.header.care_of, wire::Ipv4Address{0xc0a80002U});
    EXPECT_EQ(bench.last().request.multipath, (mip::Multipath{.technology = 4, .label = kWlan, .binding_id = kWlan}));
    EXPECT_EQ(bench.state(kWlan), State::idle);
    EXPECT_EQ(bench.state(kCellular), State::bound);
    bench.pass(30ms);
    bench.answer(SentRequest{bench.last()});
    EXPECT_TRUE(bench.happened(Event::Kind::binding_removed));
    bench.pass(20s);
    EXPECT_EQ(bench.requests.size(), first + 1);
}

TEST(LinkLost, DoesNotWaitForAnotherRequest) {
    Bench bench;
    bench.bind_both();
    bench.pass(33s);  // renewals are out, unanswered
    ASSERT_EQ(bench.state(kCellular), State::renewing);
    const std::size_t first = bench.requests.size();
    bench.down(kWlan);
    ASSERT_EQ(bench.requests.size(), first + 1);
    EXPECT_EQ(bench.last().request.header.lifetime, 0);
}

TEST(LinkLost, IsRepeatedUntilAnswered) {
    Bench bench;
    bench.bind_both();
    const std::size_t first = bench.requests.size();
    bench.down(kWlan);
    bench.pass(3500ms);
    ASSERT_EQ(bench.requests.size(), first + 3);
    for (const SentRequest& sent : since(bench, first)) {
        EXPECT_EQ(sent.request.header.lifetime, 0);
        EXPECT_EQ(sent.via, kCellular);
    }
}

TEST(LinkLost, WithoutASurvivorTheNextUplinkReplacesIt) {
    Bench bench;
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()});
    bench.down(kWlan);
    EXPECT_EQ(bench.requests.size(), 1U);
    bench.pass(1s);
    bench.up(kCellular);
    ASSERT_EQ(bench.requests.size(), 2U);
    EXPECT_TRUE(bench.last().request.multipath->overwrite);
    bench.answer(SentRequest{bench.last()});
    bench.pass(10s);
    EXPECT_EQ(bench.requests.size(), 2U);  // nothing left to remove
}

TEST(LinkLost, AndBackRegistersAgain) {
    Bench bench;
    bench.bind_both();
    bench.down(kWlan);
    const SentRequest removal = bench.last();
    bench.up(kWlan);
    EXPECT_EQ(bench.last().via, kWlan);
    EXPECT_EQ(bench.last().request.header.lifetime, 60);
    EXPECT_FALSE(bench.last().request.multipath->overwrite);
    bench.answer(removal);  // late: nobody waits for it any more
    EXPECT_EQ(bench.client.counters().replies_unexpected, 1U);
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.state(kWlan), State::bound);
}

TEST(Movement, KeepsTheBindingId) {
    struct Row {
        const char* name;
        std::uint32_t care_of;
        std::uint64_t gateway;
        bool moves;
    };
    for (const Row& row :
         {Row{"another care-of address", 0xc0a80063U, 1, true},
          Row{"another gateway, same address", 0xc0a80001U, 2, true}, Row{"gateway not known", 0xc0a80001U, 0, false},
          Row{"nothing new", 0xc0a80001U, 1, false}}) {
        Bench bench;
        bench.bind_both();
        const std::size_t first = bench.requests.size();
        bench.up(kWlan, row.care_of, row.gateway);
        ASSERT_EQ(bench.requests.size(), first + (row.moves ? 1 : 0)) << row.name;
        if (row.moves) {
            EXPECT_EQ(bench.last().request.header.care_of, wire::Ipv4Address{row.care_of}) << row.name;
            EXPECT_EQ(bench.last().request.multipath,
                      (mip::Multipath{.technology = 4, .label = kWlan, .binding_id = kWlan}))
                << row.name;
            EXPECT_EQ(bench.state(kWlan), State::registering) << row.name;
        }
    }
}

TEST(Drain, RemovesOverTheSurvivorAfterAPause) {
    Bench bench;
    bench.bind_both();
    const std::size_t first = bench.requests.size();
    bench.drain(kWlan);
    EXPECT_TRUE(bench.changes.back().draining);
    EXPECT_EQ(bench.changes.back().state, State::bound);
    bench.pass(499ms);
    EXPECT_EQ(bench.requests.size(), first);
    bench.pass(1ms);
    ASSERT_EQ(bench.requests.size(), first + 1);
    EXPECT_EQ(bench.last().via, kCellular);
    EXPECT_EQ(bench.last().request.header.lifetime, 0);
    EXPECT_EQ(bench.last().request.multipath->binding_id, kWlan);
    bench.pass(20ms);
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.state(kWlan), State::idle);
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.state(kWlan), State::bound);
    EXPECT_FALSE(bench.status(kWlan).draining);
}

TEST(Drain, OfTheOnlyUplinkGoesOverItself) {
    Bench bench;
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()});
    bench.drain(kWlan);
    bench.pass(500ms);
    EXPECT_EQ(bench.last().request.header.lifetime, 0);
    EXPECT_EQ(bench.last().via, kWlan);
}

TEST(Drain, WaitsForAnotherUplinkThatIsComing) {
    Bench bench;
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()});
    bench.up(kCellular);
    const SentRequest registration = bench.last();
    bench.drain(kWlan);
    bench.pass(900ms);
    EXPECT_EQ(bench.requests.size(), 2U);
    bench.answer(registration);
    EXPECT_EQ(bench.last().request.header.lifetime, 0);
    EXPECT_EQ(bench.last().via, kCellular);
}

TEST(ShutDown, RemovesEverythingWithOneRequest) {
    Bench bench;
    bench.bind_both();
    bench.client.shut_down(bench.now());
    bench.collect();
    EXPECT_EQ(bench.last().request.header.lifetime, 0);
    EXPECT_TRUE(bench.last().request.multipath->bulk);
    EXPECT_FALSE(bench.client.finished());
    bench.answer(SentRequest{bench.last()});
    EXPECT_TRUE(bench.client.finished());
}

TEST(ShutDown, IsGivenUpAfterTwoSeconds) {
    Bench bench;
    bench.bind_both();
    bench.client.shut_down(bench.now());
    bench.pass(2s);
    EXPECT_TRUE(bench.client.finished());
    EXPECT_FALSE(bench.client.next_deadline().has_value());
}

// Replies -------------------------------------------------------------------------------------------------------------

TEST(Reply, IsTakenOnlyFromTheHomeAgentForThePendingRequest) {
    Bench bench;
    bench.up(kWlan);
    const SentRequest sent = bench.last();
    const mip::RegistrationReply good = Bench::reply_to(sent);
    mip::RegistrationReply other_low = good;
    other_low.header.identification.value ^= 1;
    const mip::Authenticator forged{256, mip::Algorithm::hmac_sha256, std::to_array<std::uint8_t>({9, 9})};
    wire::Bytes twice = mip::encode(good, bench.authenticator);
    bench.authenticator.sign(twice);
    wire::Bytes cut = mip::encode(good, bench.authenticator);
    cut.pop_back();
    wire::Bytes malformed = mip::encode_unsigned(good);
    malformed.insert(malformed.end(), {0x86, 1, 0});
    bench.authenticator.sign(malformed);

    bench.deliver(kCellular, mip::encode(good, bench.authenticator));
    bench.deliver(kWlan, mip::encode(good, bench.authenticator), wire::Ipv4Address{0xc0000299U});
    bench.deliver(kWlan, mip::encode(other_low, bench.authenticator));
    EXPECT_EQ(bench.client.counters().replies_unexpected, 3U);
    bench.deliver(kWlan, mip::encode(good, forged));
    EXPECT_EQ(bench.client.counters().replies_unauthenticated, 1U);
    bench.deliver(kWlan, mip::encode_unsigned(good));
    bench.deliver(kWlan, twice);
    bench.deliver(kWlan, cut);
    bench.deliver(kWlan, {});
    EXPECT_EQ(bench.client.counters().replies_unframed, 4U);
    bench.deliver(kWlan, malformed);
    EXPECT_EQ(bench.client.counters().replies_malformed, 1U);
    EXPECT_EQ(bench.state(kWlan), State::registering);
    bench.deliver(kWlan, mip::encode(good, bench.authenticator));
    EXPECT_EQ(bench.state(kWlan), State::bound);
    bench.deliver(kWlan, mip::encode(good, bench.authenticator));
    EXPECT_EQ(bench.client.counters().replies_unexpected, 4U);
}

TEST(Reply, WithoutUdpTunnelBindsNothing) {
    for (const bool declined : {false, true}) {
        Bench bench;
        bench.up(kWlan);
        bench.answer(SentRequest{bench.last()}, ReplyCode::accepted, [&](mip::RegistrationReply& reply) {
            reply.udp_tunnel.reset();
            if (declined) {
                reply.udp_tunnel = mip::UdpTunnelReply{.code = mip::UdpTunnelReply::kDeclined};
            }
        });
        EXPECT_EQ(bench.state(kWlan), State::lost);
        EXPECT_EQ(bench.last().request.header.lifetime, 0);  // or it would be sent untunnelled packets
    }
}

struct DenialRow {
    ReplyCode code;
    Duration least, most;  // until the next request
};

TEST(Denial, IsRepeatedLater) {
    for (const DenialRow& row :
         {DenialRow{ReplyCode::administratively_prohibited, 30s, 33s},
          DenialRow{ReplyCode::authentication_failed, 30s, 33s}, DenialRow{ReplyCode::poorly_formed, 30s, 33s},
          DenialRow{ReplyCode::too_many_bindings, 30s, 33s}, DenialRow{static_cast<ReplyCode>(66), 30s, 33s},
          DenialRow{ReplyCode::insufficient_resources, 1s, 1100ms}, DenialRow{ReplyCode::unspecified, 1s, 1100ms},
          DenialRow{ReplyCode::invalid_binding_identifier, 1s, 1100ms}}) {
        Bench bench;
        bench.up(kWlan);
        bench.answer(SentRequest{bench.last()}, row.code);
        EXPECT_EQ(bench.state(kWlan), State::lost) << mip::text(row.code);
        EXPECT_NE(bench.status(kWlan).reason.find(mip::text(row.code)), std::string::npos);
        EXPECT_TRUE(bench.happened(Event::Kind::registration_denied));
        bench.pass(row.most);
        ASSERT_EQ(bench.requests.size(), 2U) << mip::text(row.code);
        EXPECT_GE(bench.requests[1].at - bench.requests[0].at, row.least) << mip::text(row.code);
        bench.answer(SentRequest{bench.last()}, row.code);
        bench.pass(row.least * 19 / 10);
        EXPECT_EQ(bench.requests.size(), 2U) << "waits longer each time: " << mip::text(row.code);
    }
}

TEST(Denial, OfARenewalKeepsTheBindingUntilItsEnd) {
    Bench bench;
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()});
    bench.pass(33s);
    bench.answer(SentRequest{bench.last()}, ReplyCode::insufficient_resources);
    EXPECT_EQ(bench.state(kWlan), State::renewing);
    bench.pass(27s);
    EXPECT_EQ(bench.state(kWlan), State::lost);
}

TEST(Denial, UnknownHomeAgentLeadsToTheOneNamed) {
    Bench bench;
    const wire::Ipv4Address other{0xc0000207U};
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()}, ReplyCode::unknown_home_agent,
                 [&](mip::RegistrationReply& reply) { reply.header.home_agent = other; });
    EXPECT_EQ(bench.client.home_agent(), other);
    bench.pass(1100ms);
    EXPECT_EQ(bench.last().request.header.home_agent, other);
}

TEST(Denial, OfEncapsulationAsksForAnother) {
    Bench bench;
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()}, ReplyCode::udp_encapsulation_unavailable);
    bench.pass(33s);
    EXPECT_EQ(bench.last().request.udp_tunnel->encapsulation, mip::kEncapsulationFromFlags);
}

TEST(Denial, OfMultipathLeavesOnePlainRegistration) {
    Bench bench;
    bench.up(kWlan);
    bench.up(kCellular);
    bench.answer(SentRequest{bench.requests[0]}, ReplyCode::multipath_not_allowed);
    ASSERT_EQ(bench.requests.size(), 2U);
    EXPECT_FALSE(bench.last().request.multipath.has_value());
    EXPECT_EQ(bench.last().via, kWlan);
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.state(kWlan), State::bound);
    bench.pass(20s);
    EXPECT_EQ(bench.requests.size(), 2U);
    bench.down(kWlan);
    EXPECT_EQ(bench.last().via, kCellular);
    EXPECT_FALSE(bench.last().request.multipath.has_value());
    EXPECT_EQ(bench.last().request.header.lifetime, 60);
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.state(kCellular), State::bound);
}

/// A home agent that does not know type 154 drops the message: it looks like a dead path.
TEST(Silence, LeadsToAPlainRegistrationInTheEnd) {
    Bench bench;
    bench.up(kWlan);
    const auto is_plain = [](const SentRequest& sent) { return !sent.request.multipath; };
    while (!is_plain(bench.last()) && bench.requests.size() < 8) {
        bench.pass(10ms);
    }
    ASSERT_EQ(bench.requests.size(), 4U);
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.state(kWlan), State::bound);
    bench.pass(1s);
    EXPECT_FALSE(is_plain(bench.last()));  // now that it answers: does it really not?
    const std::size_t first = bench.requests.size();
    bench.pass(2s);
    ASSERT_GT(bench.requests.size(), first);
    EXPECT_TRUE(is_plain(bench.last()));
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.state(kWlan), State::bound);
}

TEST(Silence, OfAHomeAgentThatWasOnlyAwayDoesNotEndMultipath) {
    Bench bench;
    bench.up(kWlan);
    bench.up(kCellular);
    while (bench.last().request.multipath && bench.requests.size() < 20) {
        bench.pass(10ms);
    }
    bench.answer(SentRequest{bench.last()});
    bench.pass(1s);
    ASSERT_TRUE(bench.last().request.multipath.has_value());
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.last().via, kCellular);
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.state(kWlan), State::bound);
    EXPECT_EQ(bench.state(kCellular), State::bound);
}

// Resynchronisation ---------------------------------------------------------------------------------------------------

struct ClockRow {
    const char* name;
    Duration error;  // of our clock
    bool adjusted;
};

TEST(Resynchronisation, FollowsTheHomeAgentsClock) {
    for (const ClockRow& row :
         {ClockRow{"an hour ahead", 1h, true}, ClockRow{"a day behind", -24h, true}, ClockRow{"8 s ahead", 8s, true},
          ClockRow{"5 s ahead", 5s, true}, ClockRow{"right, only out of order", 0s, false}}) {
        Bench bench;
        bench.clock_error = row.error;
        bench.up(kWlan);
        const auto home_agent_clock = [&] { return mip::timestamp(bench.now().unix_time - row.error, 0); };
        bench.answer(SentRequest{bench.last()}, ReplyCode::identification_mismatch, [&](mip::RegistrationReply& reply) {
            reply.header.identification =
                mip::Identification::of(home_agent_clock().high(), reply.header.identification.low());
        });
        ASSERT_EQ(bench.requests.size(), 2U) << row.name;
        const auto apart = mip::difference(bench.last().request.header.identification, home_agent_clock());
        EXPECT_LT(std::chrono::abs(apart), 7s) << row.name;
        EXPECT_EQ(bench.happened(Event::Kind::clock_adjusted), row.adjusted) << row.name;
        bench.answer(SentRequest{bench.last()});
        EXPECT_EQ(bench.state(kWlan), State::bound) << row.name;
    }
}

TEST(Resynchronisation, IsNoTightLoop) {
    Bench bench;
    bench.up(kWlan);
    const Duration start = bench.monotonic;
    while (bench.monotonic < start + 60s) {
        if (bench.last().at == bench.monotonic) {
            bench.answer(SentRequest{bench.last()}, ReplyCode::identification_mismatch);
        }
        bench.pass(10ms);
    }
    EXPECT_LT(bench.requests.size(), 10U);
    EXPECT_GT(bench.requests.size(), 4U);
}

// Keepalives ----------------------------------------------------------------------------------------------------------

TEST(Refresh, RegistersAgainFromTheSamePortAtMostOnceASecond) {
    Bench bench;
    bench.bind_both();
    bench.pass(5s);
    const std::size_t before = bench.requests.size();
    bench.client.refresh(kWlan, bench.now());
    bench.collect();
    ASSERT_EQ(bench.requests.size(), before + 1);
    EXPECT_EQ(bench.last().via, kWlan);
    EXPECT_NE(bench.last().request.header.lifetime, 0);
    EXPECT_EQ(bench.state(kWlan), State::renewing) << "flows may go on";
    bench.answer(SentRequest{bench.last()});
    bench.client.refresh(kWlan, bench.now());
    bench.collect();
    EXPECT_EQ(bench.requests.size(), before + 1);
    bench.pass(1s);
    EXPECT_EQ(bench.requests.size(), before + 2);
}

TEST(Refresh, DoesNotDelayTheRemovalOfADeadPath) {
    Bench bench;
    bench.bind_both();
    bench.pass(5s);
    bench.client.refresh(kWlan, bench.now());
    bench.down(kWlan);
    EXPECT_EQ(bench.last().via, kCellular);
    EXPECT_EQ(bench.last().request.header.lifetime, 0);
    EXPECT_EQ(bench.last().request.multipath->binding_id, kWlan);
}

TEST(Ask, GoesByTheUplinkThatIsGoneAndChangesNothing) {
    Bench bench;
    bench.bind_both();
    const std::size_t before = bench.requests.size();
    bench.client.ask(kWlan, bench.now());
    bench.collect();
    EXPECT_EQ(before, bench.requests.size()) << "not while it is in use";
    bench.down(kWlan);
    bench.answer(SentRequest{bench.last()});
    bench.heard.clear();
    bench.client.ask(kWlan, bench.now());
    bench.collect();
    const SentRequest question = bench.last();
    EXPECT_EQ(question.via, kWlan);
    EXPECT_EQ(question.request.header.lifetime, 0);
    EXPECT_EQ(question.request.multipath->binding_id, kWlan);
    EXPECT_FALSE(question.request.multipath->bulk);
    bench.answer(question);
    ASSERT_EQ(bench.heard.size(), 1U);
    EXPECT_EQ(bench.heard[0].label, kWlan);
    EXPECT_EQ(bench.heard[0].round_trip, std::nullopt);
    EXPECT_EQ(bench.state(kWlan), State::idle);
    EXPECT_EQ(bench.state(kCellular), State::bound);
}

TEST(Ask, KeepsNoOtherRequestWaiting) {
    Bench bench;
    bench.bind_both();
    bench.pass(5s);
    bench.down(kWlan);
    bench.answer(SentRequest{bench.last()});
    bench.client.ask(kWlan, bench.now());
    bench.client.refresh(kCellular, bench.now());
    bench.collect();
    EXPECT_EQ(bench.last().via, kCellular);
}

TEST(Ask, AnyAuthenticReplyIsLifeAndNoOther) {
    Bench bench;
    bench.bind_both();
    bench.down(kWlan);
    bench.answer(SentRequest{bench.last()});
    bench.client.ask(kWlan, bench.now());
    bench.collect();
    const SentRequest question = bench.last();
    bench.heard.clear();
    wire::Bytes forged = mip::encode(Bench::reply_to(question), bench.authenticator);
    forged.back() ^= 1U;
    bench.deliver(kWlan, forged);
    EXPECT_TRUE(bench.heard.empty());
    bench.answer(question, mip::ReplyCode::identification_mismatch);
    EXPECT_EQ(bench.heard.size(), 1U);
}

TEST(Heard, TellsTheRoundTripOfKeepalivesOnly) {
    Bench bench;
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()});
    ASSERT_EQ(bench.heard.size(), 1U);
    EXPECT_EQ(bench.heard[0].round_trip, std::nullopt);
    bench.pass(25s);
    ASSERT_FALSE(bench.echoes.empty());
    bench.monotonic += 30ms;
    bench.answer(SentEcho{bench.echoes.back()});
    EXPECT_TRUE(bench.heard.back().round_trip.has_value());
}

TEST(Keepalive, IsSentAfterSilence) {
    Bench bench{[](ClientConfig& config) { config.lifetime = 600s; }};
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()});
    const Duration start = bench.monotonic;
    bench.pass(10s);
    bench.client.data_sent(kWlan, bench.monotonic);
    bench.pass(20s);
    EXPECT_TRUE(bench.echoes.empty());
    bench.pass(5s);
    ASSERT_EQ(bench.echoes.size(), 1U);
    EXPECT_GE(bench.echoes[0].at - start, 10s + 22500ms);
    EXPECT_EQ(bench.echoes[0].echo.source, kHomeAddress);
    EXPECT_EQ(bench.echoes[0].echo.destination, kHomeAgent);
    EXPECT_EQ(bench.echoes[0].via, kWlan);
}

TEST(Keepalive, HasTheIntervalOfConfigurationReplyOrRfc) {
    struct Row {
        const char* name;
        std::chrono::seconds configured;
        std::uint16_t assigned;
        std::chrono::seconds expected;
    };
    for (const Row& row :
         {Row{"assigned", 0s, 25, 25s}, Row{"configured", 40s, 25, 40s}, Row{"default", 0s, 0, 110s}}) {
        Bench bench{[&](ClientConfig& config) { config.keepalive = row.configured; }};
        bench.up(kWlan);
        bench.answer(SentRequest{bench.last()}, ReplyCode::accepted,
                     [&](mip::RegistrationReply& reply) { reply.udp_tunnel->keepalive_s = row.assigned; });
        EXPECT_EQ(bench.status(kWlan).keepalive, row.expected) << row.name;
    }
}

TEST(Keepalive, UnansweredThriceRegistersAgainAndComesMoreOften) {
    Bench bench{[](ClientConfig& config) { config.lifetime = 6000s; }};
    bench.up(kWlan);
    bench.answer(SentRequest{bench.last()});
    std::chrono::seconds interval{25};
    for (const std::chrono::seconds next : {12s, 10s, 10s}) {
        const std::size_t first = bench.echoes.size();
        bench.pass(interval + 7100ms);
        ASSERT_GE(bench.echoes.size(), first + 3);
        EXPECT_EQ(bench.echoes[first + 1].at - bench.echoes[first].at, 1s);
        EXPECT_EQ(bench.echoes[first + 2].at - bench.echoes[first + 1].at, 2s);
        EXPECT_TRUE(bench.happened(Event::Kind::mapping_lost));
        EXPECT_TRUE(std::any_of(bench.requests.begin(), bench.requests.end(),
                                [&](const SentRequest& sent) { return sent.at == bench.echoes[first + 2].at + 4s; }));
        bench.answer(SentRequest{bench.last()});
        EXPECT_EQ(bench.status(kWlan).keepalive, next);
        interval = next;
        bench.pass(1s);
    }
    bench.up(kWlan, 0xc0a80063U);  // another network: back to what was assigned
    bench.answer(SentRequest{bench.last()});
    EXPECT_EQ(bench.status(kWlan).keepalive, 25s);
}

TEST(Keepalive, IsAnsweredByItsOwnReplyOnly) {
    Bench bench{[](ClientConfig& config) { config.lifetime = 600s; }};
    bench.bind_both();
    bench.pass(25s);
    ASSERT_GE(bench.echoes.size(), 2U);
    const SentEcho echo = bench.echoes.back();
    wire::Bytes request = mip::encode_echo_request(echo.echo);
    EXPECT_FALSE(bench.client.echo_reply(echo.via, request, bench.now()));
    EXPECT_FALSE(bench.client.echo_reply(echo.via, {}, bench.now()));
    const std::uint64_t before = bench.client.counters().keepalives_answered;
    bench.answer(echo);
    EXPECT_EQ(bench.client.counters().keepalives_answered, before + 1);
    SentEcho wrong = bench.echoes.front();
    wrong.echo.nonce ^= 1;
    wire::Bytes other = mip::encode_echo_request(wrong.echo);
    EXPECT_FALSE(bench.client.echo_reply(wrong.via, other, bench.now()));
}

// Dead paths ----------------------------------------------------------------------------------------------------------

/// Serves every request and echo of the uplinks for which `serves` is true.
void serve(Bench& bench, Duration time, const std::function<bool(Label, bool is_echo)>& serves) {
    std::size_t request = bench.requests.size();
    std::size_t echo = bench.echoes.size();
    for (const Duration end = bench.monotonic + time; bench.monotonic < end;) {
        bench.pass(10ms);
        for (; request < bench.requests.size(); ++request) {
            const SentRequest sent = bench.requests[request];
            if (serves(sent.via, false)) {
                bench.answer(sent);
            }
        }
        for (; echo < bench.echoes.size(); ++echo) {
            const SentEcho sent = bench.echoes[echo];
            if (serves(sent.via, true)) {
                bench.answer(sent);
            }
        }
    }
}

TEST(DeadPath, IsGivenUpWhenTheOtherOneAnswers) {
    Bench bench;
    bench.bind_both();
    serve(bench, 50s, [](Label label, bool) { return label == kCellular; });
    EXPECT_EQ(bench.state(kWlan), State::lost);
    EXPECT_EQ(bench.state(kCellular), State::bound);
    EXPECT_TRUE(std::any_of(bench.requests.begin(), bench.requests.end(), [](const SentRequest& sent) {
        return sent.via == kCellular && sent.request.header.lifetime == 0 &&
               sent.request.multipath->binding_id == kWlan;
    }));
    serve(bench, 60s, [](Label, bool) { return true; });
    EXPECT_EQ(bench.state(kWlan), State::bound);
}

TEST(HomeAgentWithoutControl, KeepsAllBindingsToTheirEnd) {
    Bench bench;
    bench.bind_both();
    serve(bench, 55s, [](Label, bool is_echo) { return is_echo; });  // its data plane goes on
    EXPECT_EQ(bench.state(kWlan), State::renewing);
    EXPECT_EQ(bench.state(kCellular), State::renewing);
    EXPECT_FALSE(bench.happened(Event::Kind::binding_lost));
}

}  // namespace
}  // namespace homeward::mn::registration
