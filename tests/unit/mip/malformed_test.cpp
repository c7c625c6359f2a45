#include <gtest/gtest.h>

#include <vector>

#include "vectors.h"

/// What a request is refused for, and in which stage: silence before authentication, code 134 after it.
namespace homeward::mip {
namespace {

using vectors::Exact;
using vectors::from_hex;

constexpr std::string_view kHeaderD = "0122012c0a0a0005c0000201c0a80132e800000001020304";
constexpr std::string_view kHeaderWithoutD = "0102012c0a0a0005c0000201c0a80132e800000001020304";
constexpr std::string_view kHeaderDeregister = "012200000a0a0005c0000201c0a80132e800000001020304";

/// fixed part + extensions, signed, + extensions behind the authentication
wire::Bytes signed_datagram(std::string_view header, std::string_view before, std::string_view after = "") {
    wire::Bytes datagram = from_hex(std::string{header} + std::string{before});
    vectors::md5().sign(datagram);
    const wire::Bytes tail = from_hex(after);
    datagram.insert(datagram.end(), tail.begin(), tail.end());
    return datagram;
}

struct MalformedRow {
    const char* name;
    std::string_view header, before, after;
    Malformed reason;
};

class MalformedRequest : public testing::TestWithParam<MalformedRow> {};

TEST_P(MalformedRequest, IsAuthenticButRefused) {
    const auto& row = GetParam();
    const Exact datagram{signed_datagram(row.header, row.before, row.after)};
    const auto framed = frame_request(datagram.view());
    ASSERT_TRUE(std::holds_alternative<RequestFrame>(framed));
    const auto& frame = std::get<RequestFrame>(framed);
    EXPECT_TRUE(vectors::md5().verify(frame.authentication));
    const auto decoded = decode_request(frame);
    ASSERT_TRUE(std::holds_alternative<Malformed>(decoded));
    EXPECT_EQ(name(std::get<Malformed>(decoded)), name(row.reason));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, MalformedRequest,
    testing::ValuesIn(std::vector<MalformedRow>{
        {"NaiEmpty", kHeaderD, "8300", "", Malformed::nai_length},
        {"NaiTwice", kHeaderD,
         "8301618301"
         "62",
         "", Malformed::several_nais},
        {"TunnelWithoutD", kHeaderWithoutD, "9006000000040000", "", Malformed::udp_tunnel_without_d},
        {"TunnelBehindWithD", kHeaderD, "", "9006000000040000", Malformed::udp_tunnel_after_authentication},
        {"TunnelShort", kHeaderD,
         "900500000004"
         "00",
         "", Malformed::udp_tunnel_length},
        {"TunnelLong", kHeaderD, "900700000004000000", "", Malformed::udp_tunnel_length},
        {"MultipathShort", kHeaderD, "9a010003040101", "", Malformed::multipath_length},
        {"MultipathLong", kHeaderD, "9a0100050401010000", "", Malformed::multipath_length},
        {"MultipathTwice", kHeaderD, "9a010004040101009a01000404020200", "", Malformed::several_multipaths},
        {"BindingIdZero", kHeaderD, "9a01000404010000", "", Malformed::binding_id},
        {"BindingId255", kHeaderD, "9a0100040401ff00", "", Malformed::binding_id},
        {"LabelZero", kHeaderD, "9a01000404000100", "", Malformed::label},
        {"BulkAndOverwrite", kHeaderD, "9a010004040101c0", "", Malformed::multipath_bulk_and_overwrite},
        {"OverwriteNoLifetime", kHeaderDeregister, "9a01000404010140", "",
         Malformed::multipath_overwrite_without_lifetime},
        {"SubtypeUnknown", kHeaderD, "9a03000404010100", "", Malformed::flow_binding_unknown_subtype},
        {"FlowEmpty", kHeaderD, "9a020000", "", Malformed::flow_binding_length},
        {"FlowIdsOverrun", kHeaderD, "9a0200050108010203", "", Malformed::flow_binding_length},
        {"FlowAction2", kHeaderD,
         "9a02000802010101"
         "00000000",
         "", Malformed::flow_binding_action},
        {"FlowNoIds", kHeaderD, "9a02000701000100000000", "", Malformed::flow_binding_count},
        {"FlowNineIds", kHeaderD,
         "9a0200100109010203040506070809"
         "0100000000",
         "", Malformed::flow_binding_count},
        {"FlowDropTwoIds", kHeaderD,
         "9a02000900020102"
         "0100000000",
         "", Malformed::flow_binding_count},
        {"FlowIdZero", kHeaderD,
         "9a020008010100"
         "0100000000",
         "", Malformed::binding_id},
        {"FlowId255", kHeaderD,
         "9a0200080101ff"
         "0100000000",
         "", Malformed::binding_id},
        {"SelectorFormat0", kHeaderD,
         "9a020008010101"
         "0000000000",
         "", Malformed::selector_format},
        {"SelectorIpv6", kHeaderD,
         "9a020008010101"
         "0200000000",
         "", Malformed::selector_format},
        {"SelectorFormat3", kHeaderD,
         "9a020008010101"
         "0300000000",
         "", Malformed::selector_format},
        {"SelectorNoFlags", kHeaderD,
         "9a020007010101"
         "01000000",
         "", Malformed::selector_length},
        {"SelectorShort", kHeaderD,
         "9a02000b010101"
         "0180000000c63364",
         "", Malformed::selector_length},
        {"SelectorLong", kHeaderD,
         "9a020009010101"
         "010000000000",
         "", Malformed::selector_length},
        {"SelectorEndAlone", kHeaderD,
         "9a02000c010101"
         "0140000000c6336400",
         "", Malformed::selector_end_without_start},
        {"SelectorReversed", kHeaderD,
         "9a020010010101"
         "01c0000000c63364ffc6336400",
         "", Malformed::selector_end_before_start},
        {"RevocationShort", kHeaderD, "89050000000000", "", Malformed::revocation_length},
        {"VendorShort", kHeaderD, "8607000000007ed900", "", Malformed::vendor_length},
    }),
    [](const auto& row) { return row.param.name; });

struct UnframedRow {
    const char* name;
    wire::Bytes datagram;
    Unframed reason;
};

TEST(UnframedRequest, IsDroppedBeforeAuthentication) {
    constexpr std::string_view kSecondAuthentication = "2014000001000000000000000000000000000000000000";
    const UnframedRow rows[] = {
        {"nothing", {}, Unframed::wrong_type},
        {"reply", from_hex(vectors::kReplyMd5), Unframed::wrong_type},
        {"header cut", wire::Bytes(23, 1), Unframed::too_short},
        {"no extension", from_hex(kHeaderD), Unframed::no_authentication},
        {"no authentication", from_hex(std::string{kHeaderD} + "9006000000040000"), Unframed::no_authentication},
        {"no room for an SPI", from_hex(std::string{kHeaderD} + "2003000001"), Unframed::no_authentication},
        {"SPI alone", from_hex(std::string{kHeaderD} + "200400000100"), Unframed::no_authentication},
        {"length missing", signed_datagram(kHeaderD, "", "83"), Unframed::extension_overrun},
        {"data missing",
         signed_datagram(kHeaderD, "",
                         "8302"
                         "61"),
         Unframed::extension_overrun},
        {"long header missing", signed_datagram(kHeaderD, "", "9a0100"), Unframed::extension_overrun},
        {"long data missing", signed_datagram(kHeaderD, "", "9a010004040101"), Unframed::extension_overrun},
        {"unknown before", signed_datagram(kHeaderD, "7f00"), Unframed::unknown_extension},
        {"unknown behind", signed_datagram(kHeaderD, "", "0100"), Unframed::unknown_extension},
        {"generalised authentication", signed_datagram(kHeaderD, "", "2401000400000100"), Unframed::unknown_extension},
        {"critical vendor",
         signed_datagram(kHeaderD,
                         "26000006"
                         "00007ed90001"),
         Unframed::unknown_extension},
        {"two authentications", signed_datagram(kHeaderD, "", kSecondAuthentication),
         Unframed::several_authentications},
    };
    for (const UnframedRow& row : rows) {
        const Exact datagram{row.datagram};
        const auto framed = frame_request(datagram.view());
        ASSERT_TRUE(std::holds_alternative<Unframed>(framed)) << row.name;
        EXPECT_EQ(name(std::get<Unframed>(framed)), name(row.reason)) << row.name;
    }
}

struct AcceptedRow {
    const char* name;
    std::string_view before, after;
    RegistrationRequest expected;
};

RegistrationRequest bare() {
    RegistrationRequest request = vectors::request_md5();
    request.udp_tunnel.reset();
    return request;
}

RegistrationRequest with_vendor() {
    RegistrationRequest request = bare();
    request.vendor.push_back({32473, 1, {0xaa}});
    return request;
}

TEST(SkippedExtensions, LeaveTheRestIntact) {
    const AcceptedRow rows[] = {
        {"unknown skippable",
         "ff03010203"
         "8609000000007ed90001aa",
         "", with_vendor()},
        {"padding",
         "00000000"
         "8609000000007ed90001aa"
         "00",
         "0000", with_vendor()},
        {"dynamic home agent, long header",
         "8b010004c0000202"
         "8609000000007ed90001aa",
         "", with_vendor()},
        {"tunnel request, Reserved 3 set", "9006000000040001", "", bare()},
        {"tunnel request, subtype 1", "9006010000040000", "", bare()},
        {"tunnel request behind, Reserved 3 set", "", "9006000000040001", bare()},
        {"multipath behind: not vouched for", "", "9a01000404010100", bare()},
        {"flow binding behind", "", "9a0200080101010100000000", bare()},
        {"malformed multipath behind", "", "9a010000", bare()},
        {"NAI behind", "", "830161", bare()},
        {"vendor behind", "", "8609000000007ed90001aa", bare()},
        {"tunnel reply in a request", "2c06000000000019", "", bare()},
    };
    for (const AcceptedRow& row : rows) {
        const Exact datagram{signed_datagram(kHeaderD, row.before, row.after)};
        const auto framed = frame_request(datagram.view());
        ASSERT_TRUE(std::holds_alternative<RequestFrame>(framed)) << row.name;
        const auto& frame = std::get<RequestFrame>(framed);
        EXPECT_TRUE(vectors::md5().verify(frame.authentication)) << row.name;
        EXPECT_TRUE(frame.nai.empty()) << row.name;
        const auto decoded = decode_request(frame);
        ASSERT_TRUE(std::holds_alternative<RegistrationRequest>(decoded)) << row.name;
        EXPECT_EQ(std::get<RegistrationRequest>(decoded), row.expected) << row.name;
    }
}

TEST(RequestFlags, ReservedBitsAreIgnored) {
    const Exact datagram{signed_datagram("0127012c0a0a0005c0000201c0a80132e800000001020304", "")};
    const auto framed = frame_request(datagram.view());
    ASSERT_TRUE(std::holds_alternative<RequestFrame>(framed));
    EXPECT_EQ(std::get<RequestFrame>(framed).header, bare().header);
}

TEST(Verify, NeedsTheSameSpiAlgorithmAndKey) {
    const wire::Bytes datagram = from_hex(vectors::kRequestMd5);
    const auto framed = frame_request(datagram);
    const Authentication& authentication = std::get<RequestFrame>(framed).authentication;
    const wire::Bytes key = from_hex("000102030405060708090a0b0c0d0e0f");
    const wire::Bytes other_key = from_hex("000102030405060708090a0b0c0d0e10");
    EXPECT_TRUE(Authenticator(256, Algorithm::hmac_md5, key).verify(authentication));
    EXPECT_FALSE(Authenticator(257, Algorithm::hmac_md5, key).verify(authentication));
    EXPECT_FALSE(Authenticator(256, Algorithm::hmac_sha256, key).verify(authentication));
    EXPECT_FALSE(Authenticator(256, Algorithm::hmac_md5, other_key).verify(authentication));
}

/// 16 bytes of a SHA-256 authenticator look like MD5's; they are no answer for either algorithm.
TEST(Verify, RefusesATruncatedSha256) {
    wire::Bytes datagram = from_hex(vectors::kRequestSha256);
    const std::size_t authentication_at = datagram.size() - 38;
    datagram[authentication_at + 1] = 20;
    datagram.erase(datagram.end() - 16, datagram.end());
    const auto framed = frame_request(datagram);
    ASSERT_TRUE(std::holds_alternative<RequestFrame>(framed));
    EXPECT_FALSE(vectors::sha256().verify(std::get<RequestFrame>(framed).authentication));
}

TEST(ReplyCodeText, IsForPeople) {
    EXPECT_EQ(text(ReplyCode::identification_mismatch), "identification mismatch");
    EXPECT_EQ(text(static_cast<ReplyCode>(66)), "denied by a foreign agent, code 66");
    EXPECT_EQ(text(static_cast<ReplyCode>(200)), "unknown code 200");
}

}  // namespace
}  // namespace homeward::mip
