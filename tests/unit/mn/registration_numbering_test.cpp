#include <gtest/gtest.h>

#include "registration_bench.h"

/// Asking the home agent to number tunnel packets.
namespace homeward::mn::registration {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kOrganization = 32473;
constexpr mip::Numbering kWanted{.run = 0x1234, .everything = true};

void ask(ClientConfig& config) {
    config.numbering = kWanted;
}
std::optional<mip::Numbering> asked(const SentRequest& sent) {
    return mip::decode_numbering(mip::joined(sent.request.vendor, kOrganization, mip::Numbering::kVendorType));
}
Bench::Tweak agreeing(const mip::Numbering& numbering) {
    return [numbering](mip::RegistrationReply& reply) {
        mip::append_in_pieces(reply.vendor, kOrganization, mip::Numbering::kVendorType, mip::encode(numbering));
    };
}

TEST(Numbering, IsAskedForOnlyIfConfigured) {
    Bench without;
    without.up(kWlan);
    EXPECT_TRUE(without.last().request.vendor.empty());
    without.answer(without.last(), mip::ReplyCode::accepted, agreeing(kWanted));
    EXPECT_TRUE(without.numberings.empty());
    Bench with{ask};
    with.up(kWlan);
    EXPECT_EQ(asked(with.last()), kWanted);
}

TEST(Numbering, IsAgreedWhenTheReplyRepeatsIt) {
    Bench bench{ask};
    bench.up(kWlan);
    bench.answer(bench.last(), mip::ReplyCode::accepted, agreeing(kWanted));
    EXPECT_EQ(bench.numberings, std::vector{true});
    bench.pass(34s);  // a renewal
    EXPECT_EQ(asked(bench.last()), kWanted);
    bench.answer(bench.last(), mip::ReplyCode::accepted, agreeing(kWanted));
    EXPECT_EQ(bench.numberings, std::vector{true});
}

TEST(Numbering, IsNotAgreedWhenTheReplySaysNothingOrSomethingElse) {
    Bench silent{ask};
    silent.up(kWlan);
    silent.answer(silent.last());
    EXPECT_EQ(silent.numberings, std::vector{false});
    EXPECT_TRUE(silent.happened(Event::Kind::numbering));
    Bench other{ask};
    other.up(kWlan);
    other.answer(other.last(), mip::ReplyCode::accepted, agreeing({.run = 1, .everything = true}));
    EXPECT_EQ(other.numberings, std::vector{false});
}

TEST(Numbering, EndsWhenTheHomeAgentDoesNotAgreeAnyMore) {
    Bench bench{ask};
    bench.up(kWlan);
    bench.answer(bench.last(), mip::ReplyCode::accepted, agreeing(kWanted));
    bench.pass(34s);
    bench.answer(bench.last());
    EXPECT_EQ(bench.numberings, (std::vector{true, false}));
}

TEST(Numbering, IsNoSubjectOfARemoval) {
    Bench bench{ask};
    bench.bind_both();
    bench.down(kWlan);
    EXPECT_EQ(bench.last().request.header.lifetime, 0);
    EXPECT_TRUE(bench.last().request.vendor.empty());
}

}  // namespace
}  // namespace homeward::mn::registration
