#include "percent.h"

#include <gtest/gtest.h>

#include "admin/client.h"

namespace homeward::admin {
namespace {

struct DecodeRow {
    const char* text;
    const char* decoded;  ///< null: refused
};

TEST(Percent, DecodesOrRefuses) {
    const DecodeRow rows[] = {
        {"", ""},           {"wlan", "wlan"},  {"a%20b", "a b"}, {"phone+work@example.org", "phone+work@example.org"},
        {"%c3%a4", "ä"},    {"%C3%A4", "ä"},   {"%", nullptr},   {"%4", nullptr},
        {"%4g", nullptr},   {"%g4", nullptr},  {"%+4", nullptr}, {"%00", nullptr},
        {"a%0ab", nullptr}, {"a\nb", nullptr}, {"%7f", nullptr}, {"%25", "%"},
    };
    for (const DecodeRow& row : rows) {
        const auto decoded = percent_decode(row.text);
        EXPECT_EQ(decoded.has_value(), row.decoded != nullptr) << row.text;
        if (decoded && row.decoded != nullptr) {
            EXPECT_EQ(*decoded, row.decoded) << row.text;
        }
    }
}

TEST(Percent, EncodesWhatItDecodes) {
    for (const char* text : {"wlan", "a b&c=d", "100%", "ä", "phone+work@example.org", "a/b?c#d"}) {
        const std::string encoded = percent_encode(text);
        EXPECT_EQ(encoded.find_first_of(" &=/?#+"), std::string::npos) << encoded;
        EXPECT_EQ(percent_decode(encoded), text);
    }
}

using Query = std::map<std::string, std::string, std::less<>>;
struct TargetRow {
    const char* text;
    bool accepted;
    const char* path;
    Query query;
};

TEST(Percent, ParsesTargets) {
    const TargetRow rows[] = {
        {"/v1/status", true, "/v1/status", {}},
        {"/v1/route?to=10.0.0.1&port=53", true, "/v1/route", {{"to", "10.0.0.1"}, {"port", "53"}}},
        {"/v1/policy?all", true, "/v1/policy", {{"all", ""}}},
        {"/v1/policy?", true, "/v1/policy", {}},
        {"/v1/policy?&&all=1&", true, "/v1/policy", {{"all", "1"}}},
        {"/v1/policy?node=a%26b%3dc", true, "/v1/policy", {{"node", "a&b=c"}}},
        {"/v1/policy?a=b=c", true, "/v1/policy", {{"a", "b=c"}}},
        {"/v1/uplinks/my%20lan", true, "/v1/uplinks/my lan", {}},
        {"/v1/status#part", true, "/v1/status", {}},
        {"http://localhost/v1/status?x=1", true, "/v1/status", {{"x", "1"}}},
        {"http://localhost", true, "/", {}},
        {"", false, "", {}},
        {"*", false, "", {}},
        {"v1/status", false, "", {}},
        {"/v1/%zz", false, "", {}},
        {"/v1/policy?node=%", false, "", {}},
    };
    for (const TargetRow& row : rows) {
        const auto target = parse_target(row.text);
        ASSERT_EQ(target.has_value(), row.accepted) << row.text;
        if (target) {
            EXPECT_EQ(target->path, row.path) << row.text;
            EXPECT_EQ(target->query, row.query) << row.text;
        }
    }
}

}  // namespace
}  // namespace homeward::admin
