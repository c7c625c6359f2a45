#include "admin/metrics.h"

#include <gtest/gtest.h>

namespace homeward::admin {
namespace {

TEST(MetricsText, WritesFamiliesAndSamples) {
    MetricsText text;
    text.family("homeward_uplink_bytes_total", "Bytes carried by an uplink.", MetricType::counter);
    text.sample({{"uplink", "wlan"}, {"direction", "tx"}}, std::uint64_t{18446744073709551615U});
    text.sample({{"uplink", "wlan"}, {"direction", "rx"}}, std::uint64_t{0});
    text.family("homeward_rtt_seconds", "Round trip.", MetricType::gauge);
    text.sample({}, 0.0125);
    EXPECT_EQ(text.text(),
              "# HELP homeward_uplink_bytes_total Bytes carried by an uplink.\n"
              "# TYPE homeward_uplink_bytes_total counter\n"
              "homeward_uplink_bytes_total{uplink=\"wlan\",direction=\"tx\"} 18446744073709551615\n"
              "homeward_uplink_bytes_total{uplink=\"wlan\",direction=\"rx\"} 0\n"
              "# HELP homeward_rtt_seconds Round trip.\n"
              "# TYPE homeward_rtt_seconds gauge\n"
              "homeward_rtt_seconds 0.0125\n");
}

TEST(MetricsText, EscapesWhatWouldBreakALine) {
    MetricsText text;
    text.family("drop.no-binding", "a\\b\nc \"d\"", MetricType::counter);
    text.sample({{"nai", "a\"b\\c\nd"}}, std::uint64_t{1});
    EXPECT_EQ(text.text(),
              "# HELP drop_no_binding a\\\\b\\nc \"d\"\n"
              "# TYPE drop_no_binding counter\n"
              "drop_no_binding{nai=\"a\\\"b\\\\c\\nd\"} 1\n");
}

}  // namespace
}  // namespace homeward::admin
