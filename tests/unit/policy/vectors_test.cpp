#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "policy/delta.h"
#include "policy/sync.h"

/// The vectors of docs/policy-sync.md, read out of the document.
namespace homeward::policy {
namespace {

using wire::Bytes;
using wire::Ipv4Prefix;

Bytes from_hex(const std::string& text) {
    Bytes bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

std::map<std::string, Bytes> read_vectors() {
    std::ifstream document{HOMEWARD_POLICY_SYNC_DOCUMENT};
    std::map<std::string, Bytes> vectors;
    bool inside = false;
    for (std::string line; std::getline(document, line);) {
        if (line.rfind("```", 0) == 0) {
            inside = line == "```vectors";
        } else if (inside) {
            const std::size_t space = line.find(' ');
            vectors[line.substr(0, space)] = from_hex(line.substr(space + 1));
        }
    }
    return vectors;
}

Policy policy_a() {
    return {{{*Ipv4Prefix::parse("158.132.10.178/32"), kAnyProtocol, {}, {2, 1}},
             {*Ipv4Prefix::parse("203.0.113.0/24"), 17, {5000, 5999}, {2}},
             {*Ipv4Prefix::parse("10.0.0.0/8"), kAnyProtocol, {}, {1}}},
            {1, 2}};
}

Policy policy_b() {
    Policy policy = policy_a();
    policy.rules.insert(policy.rules.begin() + 2, {*Ipv4Prefix::parse("198.51.100.0/24"), kAnyProtocol, {}, {}});
    policy.rules.push_back({{}, 6, {}, {1}});
    return policy;
}

Policy policy_c() {
    Policy policy{{{*Ipv4Prefix::parse("10.0.0.0/8"), kAnyProtocol, {}, {1, 2}, Mode::spread, {4, 1}},
                   {*Ipv4Prefix::parse("203.0.113.0/24"), 17, {5000, 5999}, {2, 1}, Mode::redundant},
                   {{}, kAnyProtocol, {}, {1, 2}, Mode::spread_by_rate, {1, 1}}},
                  {1, 2}};
    policy.rates.push_back(1, 255);
    policy.rates.push_back(2, 63);
    return policy;
}

Digest digest_of(const Policy& policy) {
    return digest(encode(policy));
}

Bytes bytes_of(const Digest& digest) {
    return {digest.begin(), digest.end()};
}

TEST(PolicySyncDocument, VectorsAreWhatTheCodeSays) {
    const auto vectors = read_vectors();
    const Policy a = policy_a();
    const Policy b = policy_b();
    std::map<std::string, Bytes> made;
    made["policy-a"] = encode(a);
    made["policy-b"] = encode(b);
    made["policy-c"] = encode(policy_c());
    made["digest-a"] = bytes_of(digest_of(a));
    made["digest-b"] = bytes_of(digest_of(b));
    made["delta-a-b"] = make_delta(a, digest_of(a), b);

    SyncSender node;
    SyncReceiver agent;
    constexpr Time kNow = std::chrono::seconds{1};
    node.set(std::make_shared<const Policy>(a), {1, digest_of(a)});
    made["state"] = node.state();
    made["request-full"] = node.request(1000, kNow);
    const auto outcome = agent.request(made["request-full"], kNow, {}, {});
    ASSERT_TRUE(outcome.table);
    EXPECT_EQ(outcome.table->policy, a);
    agent.in_force(outcome.table->generation, outcome.table->encoded);
    made["reply-in-force"] = agent.reply(1000);
    ASSERT_TRUE(node.reply(made["reply-in-force"], kNow));
    EXPECT_TRUE(node.synchronised());
    node.set(std::make_shared<const Policy>(b), {2, digest_of(b)});
    made["request-changed"] = node.request(1000, kNow);
    made["reply-progress"] =
        encode(SyncReply{{1, digest_of(a)}, Answer::held, Progress{0x01020304, 0x4000, 7, 2, {0xa0}}});

    EXPECT_EQ(vectors, made);
    EXPECT_EQ(*apply_delta(made["delta-a-b"], a, 100), b);
}

TEST(PolicySyncDocument, TheBitmapIsReadAsDescribed) {
    const auto reply = decode_sync_reply(read_vectors()["reply-progress"]);
    ASSERT_TRUE(reply && reply->progress);
    std::vector<std::uint32_t> held;
    for (std::uint32_t i = 0; i < 600; ++i) {
        if (reply->progress->holds(i)) {
            held.push_back(i);
        }
    }
    EXPECT_EQ(held, (std::vector<std::uint32_t>{0, 1, 3, 5}));
}

}  // namespace
}  // namespace homeward::policy
