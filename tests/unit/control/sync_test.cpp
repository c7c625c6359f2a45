#include <gtest/gtest.h>

#include "home_link.h"
#include "policy/sync.h"

/// The node's own table, brought by registrations (docs/policy-sync.md), becomes a registered one.
namespace homeward::registration {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kOrganization = 32473;

policy::Policy table_of(std::size_t rules) {
    policy::Policy table;
    table.fallback = {1, 2};
    for (std::uint32_t i = 0; i < rules; ++i) {
        policy::Rule rule;
        rule.correspondent = {wire::Ipv4Address{0x0b000000 + i * 256}, 24};
        rule.uplinks = {2, 1};
        table.rules.push_back(rule);
    }
    return table;
}

class Sync : public testing::Test {
  protected:
    void set(std::size_t rules, std::uint32_t version) {
        const policy::Policy table = table_of(rules);
        generation = {version, policy::digest(policy::encode(table))};
        sender.set(std::make_shared<const policy::Policy>(table), generation);
    }
    /// One registration with what the synchronisation wants to say.
    mip::RegistrationReply exchange() {
        mip::RegistrationRequest request = link.with_binding(1, 300);
        mip::append_in_pieces(request.vendor, kOrganization, policy::kSyncVendorType,
                              sender.request(1100, link.now.steady));
        auto reply = link.exchange(request);
        EXPECT_TRUE(reply);
        if (reply && mip::accepted(reply->header.code)) {
            EXPECT_TRUE(
                sender.reply(mip::joined(reply->vendor, kOrganization, policy::kSyncVendorType), link.now.steady));
        }
        link.pass(1ms);
        return *reply;
    }
    int run(int limit) {
        int exchanges = 0;
        while (!sender.synchronised() && exchanges < limit) {
            exchange();
            ++exchanges;
        }
        return exchanges;
    }
    PolicyRef in_force() const { return link.agent.view(ip("10.10.0.5"))->policy; }

    HomeLink link;
    policy::SyncSender sender;
    policy::Generation generation;
};

TEST_F(Sync, ASmallTableComesWithTheFirstRegistration) {
    set(3, 1);
    exchange();
    ASSERT_TRUE(in_force());
    EXPECT_EQ(in_force()->source, PolicySource::node);
    EXPECT_EQ(in_force()->generation, generation);
    EXPECT_EQ(in_force()->rules, 3U);
    EXPECT_TRUE(sender.synchronised());
    EXPECT_EQ(link.installs.back().policy, in_force());
}

TEST_F(Sync, PiecesAreNeitherInstalledNorStoredBeforeTheTableIsComplete) {
    set(5'000, 1);
    run(1'000);
    ASSERT_TRUE(sender.synchronised());
    EXPECT_EQ(in_force()->rules, 5'000U);
    EXPECT_EQ(link.installs.size(), 2U) << "the binding, then the table";
    EXPECT_LE(link.saves, 2U);
    EXPECT_GT(link.agent.counters().of(Event::policy_chunks), 10U);
}

TEST_F(Sync, AnUnconfirmedTableIsNotInForceAndComesAgain) {
    set(3, 1);
    link.confirm = false;
    mip::RegistrationRequest request = link.with_binding(1, 300);
    mip::append_in_pieces(request.vendor, kOrganization, policy::kSyncVendorType,
                          sender.request(1100, link.now.steady));
    link.exchange(request);
    link.take(link.agent.not_installed(link.installs.back().ticket, link.now));
    EXPECT_EQ(link.decoded()->header.code, mip::ReplyCode::insufficient_resources);
    EXPECT_TRUE(link.bindings().empty());
    link.confirm = true;
    link.pass(10s);
    run(5);
    EXPECT_TRUE(sender.synchronised());
    EXPECT_EQ(in_force()->generation, generation);
}

TEST_F(Sync, AChangeOfOneRuleIsOneExchange) {
    set(5'000, 1);
    run(1'000);
    set(5'001, 2);
    EXPECT_EQ(run(10), 1);
    EXPECT_EQ(in_force()->rules, 5'001U);
    EXPECT_EQ(in_force()->generation, generation);
}

TEST_F(Sync, ANodeThatWasAwayNeedNotSendItAgain) {
    set(5'000, 1);
    run(1'000);
    link.pass(400s);
    link.take(link.agent.expire(link.now));
    ASSERT_TRUE(link.bindings().empty());
    const std::uint64_t chunks = link.agent.counters().of(Event::policy_chunks);
    policy::SyncSender fresh;
    sender = fresh;
    set(5'000, 1);
    EXPECT_LE(run(10), 2);
    EXPECT_EQ(link.agent.counters().of(Event::policy_chunks), chunks);
    EXPECT_EQ(in_force()->rules, 5'000U);
}

TEST_F(Sync, IsStoredWithTheNode) {
    set(3, 1);
    exchange();
    const auto saved = link.agent.saved(ip("10.10.0.5"));
    HomeLink again;
    again.now = link.now;
    ASSERT_TRUE(again.agent.restore(*saved, again.now));
    EXPECT_EQ(again.agent.view(ip("10.10.0.5"))->policy->generation, generation);
}

TEST_F(Sync, BytesThatAreNotAStateAre134) {
    mip::RegistrationRequest request = link.with_binding(1);
    mip::append_in_pieces(request.vendor, kOrganization, policy::kSyncVendorType, wire::Bytes{9, 9});
    EXPECT_EQ(link.code(request), 134);
    EXPECT_TRUE(link.bindings().empty());
}

TEST_F(Sync, AnotherOrganisationsExtensionIsIgnored) {
    mip::RegistrationRequest request = link.with_binding(1);
    mip::append_in_pieces(request.vendor, kOrganization + 1, policy::kSyncVendorType, wire::Bytes{9, 9});
    EXPECT_EQ(link.code(request), 0);
}

}  // namespace
}  // namespace homeward::registration
