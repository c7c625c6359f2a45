#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "trace/links.h"
#include "trace/table.h"

namespace homeward::trace {
namespace {

const std::string kStart =
    "# mn-trace v1\n"
    "t_s,iface,tech,bssid,domain,connected,rssi_dbm,snr_db,rtt_ms,loss,rate_mbps,lat,lon,acc_m,speed_mps,battery,"
    "cost_per_mb,event\n";

std::string json_of(const std::string& link) {
    return "{\"t\":1,\"links\":[{\"iface\":\"wlan0\"" + link + "}]}\n";
}

TEST(Trace, ReadsEveryColumnAndKeepsUnknownApartFromZero) {
    const auto trace =
        parse_links("links.csv", kStart +
                                     "0.5,wlan0,wlan,02:00:00:00:00:01,a,1,-61.5,30,12,0,54,22.3,114.2,5,"
                                     "1.5,0.8,0,scan_done\n"
                                     "0.5,rmnet0,lte,,,,,,,,,,,,,,,\n"
                                     "1,wlan0,,,,0,,,,,,,,,,,,\r\n");
    ASSERT_TRUE(trace) << trace.error().text;
    ASSERT_EQ(trace->moments.size(), 2U);
    const Moment& first = trace->moments[0];
    EXPECT_EQ(first.t_s, 0.5);
    EXPECT_EQ(first.device.latitude, 22.3);
    EXPECT_EQ(first.device.battery, 0.8);
    ASSERT_EQ(first.links.size(), 2U);
    EXPECT_EQ(first.links[0].technology, Technology::wlan);
    EXPECT_EQ(first.links[0].connected, true);
    EXPECT_EQ(first.links[0].rssi_dbm, -61.5);
    EXPECT_EQ(first.links[0].loss, 0);
    EXPECT_EQ(first.links[0].event, "scan_done");
    EXPECT_EQ(first.links[1].loss, std::nullopt);
    EXPECT_EQ(first.links[1].connected, std::nullopt);
    EXPECT_EQ(trace->moments[1].links[0].connected, false);
    EXPECT_EQ(trace->moments[1].links[0].line, 5U);
}

TEST(Trace, TheTwinInJsonSaysTheSame) {
    const auto trace = parse_links(
        "links.jsonl",
        R"({"t":0.5,"pos":{"lat":22.3,"lon":114.2},"dev":{"battery":0.8},"links":[)"
        R"({"iface":"wlan0","tech":"wlan","bssid":"02:00:00:00:00:01","connected":true,"rssi_dbm":-61.5,"loss":0},)"
        R"({"iface":"wlan0","bssid":"02:00:00:00:00:02","connected":0,"rtt_ms":null}]})"
        "\n\n{\"t\":1,\"links\":[]}");
    ASSERT_TRUE(trace) << trace.error().text;
    ASSERT_EQ(trace->moments.size(), 2U);
    EXPECT_EQ(trace->moments[0].device.longitude, 114.2);
    EXPECT_EQ(trace->moments[0].links[0].rssi_dbm, -61.5);
    EXPECT_EQ(trace->moments[0].links[1].connected, false);
    EXPECT_EQ(trace->moments[0].links[1].rtt_ms, std::nullopt);
}

TEST(Trace, ColumnsMayComeInAnyOrderAndBeAbsent) {
    const auto trace = parse_links("t", "# mn-trace v1\n# made by hand\nrssi_dbm,t_s,iface\n-70,3,wlan0\n");
    ASSERT_TRUE(trace) << trace.error().text;
    EXPECT_EQ(trace->moments[0].links[0].rssi_dbm, -70);
}

struct BadRow {
    const char* name;
    std::string text;
    const char* says;
};
class BadTrace : public testing::TestWithParam<BadRow> {};

TEST_P(BadTrace, IsRefusedWithItsLine) {
    const auto trace = parse_links("bad", GetParam().text);
    ASSERT_FALSE(trace);
    EXPECT_EQ(trace.error().text, GetParam().says);
}

std::string rows(const char* columns, const char* lines) {
    return std::string("# mn-trace v1\n") + columns + "\n" + lines;
}

INSTANTIATE_TEST_SUITE_P(
    Csv, BadTrace,
    testing::Values(
        BadRow{"empty", "", "bad:1: the first line of a trace is \"# mn-trace v1\""},
        BadRow{"version", "# mn-trace v2\n", "bad:1: the first line of a trace is \"# mn-trace v1\""},
        BadRow{"header", "# mn-trace v1\n", "bad:1: there is no header"},
        BadRow{"rows", rows("t_s,iface", ""), "bad:1: there are no rows"},
        BadRow{"column", rows("t_s,iface,colour", "1,a,red\n"), "bad:2: unknown column \"colour\""},
        BadRow{"column_twice", rows("t_s,iface,t_s", "1,a,1\n"), "bad:2: column t_s is there twice"},
        BadRow{"column_missing", rows("t_s,bssid", "1,a\n"), "bad:2: column iface is missing"},
        BadRow{"cells", rows("t_s,iface", "1,a\n2,a,3\n"), "bad:4: 3 cells under a header of 2"},
        BadRow{"quotes", rows("t_s,iface", "1,\"a\"\n"), "bad:3: cells are not quoted"},
        BadRow{"time_empty", rows("t_s,iface", ",a\n"), "bad:3: t_s \"\" must be a time"},
        BadRow{"time_back", rows("t_s,iface", "2,a\n1,a\n"), "bad:4: t_s \"1\" is before the row above"},
        BadRow{"time_nan", rows("t_s,iface", "nan,a\n"), "bad:3: t_s \"nan\" is not a finite number"},
        BadRow{"interface", rows("t_s,iface", "1,\n"), "bad:3: iface \"\" must name an interface"},
        BadRow{"technology", rows("t_s,iface,tech", "1,a,wifi\n"),
               "bad:3: tech \"wifi\" is none of wlan, umts, lte, nr, eth"},
        BadRow{"connected", rows("t_s,iface,connected", "1,a,yes\n"), "bad:3: connected \"yes\" is neither 0 nor 1"},
        BadRow{"rssi_high", rows("t_s,iface,rssi_dbm", "1,a,0.1\n"), "bad:3: rssi_dbm \"0.1\" is out of range"},
        BadRow{"rssi_low", rows("t_s,iface,rssi_dbm", "1,a,-121\n"), "bad:3: rssi_dbm \"-121\" is out of range"},
        BadRow{"rssi_inf", rows("t_s,iface,rssi_dbm", "1,a,-inf\n"), "bad:3: rssi_dbm \"-inf\" is not a finite number"},
        BadRow{"loss", rows("t_s,iface,loss", "1,a,1.01\n"), "bad:3: loss \"1.01\" is out of range"},
        BadRow{"rate", rows("t_s,iface,rate_mbps", "1,a,-1\n"), "bad:3: rate_mbps \"-1\" is out of range"},
        BadRow{"rtt", rows("t_s,iface,rtt_ms", "1,a,-1\n"), "bad:3: rtt_ms \"-1\" is out of range"},
        BadRow{"rtt_text", rows("t_s,iface,rtt_ms", "1,a,12ms\n"), "bad:3: rtt_ms \"12ms\" is not a finite number"},
        BadRow{"latitude", rows("t_s,iface,lat", "1,a,90.5\n"), "bad:3: lat \"90.5\" is out of range"},
        BadRow{"battery", rows("t_s,iface,battery", "1,a,80\n"), "bad:3: battery \"80\" is out of range"},
        BadRow{"position", rows("t_s,iface,lat", "1,a,9\n1,b,8\n"),
               "bad:4: lat \"8\" differs from an earlier row of the same time"},
        BadRow{"key_twice", rows("t_s,iface,bssid", "1,a,x\n1,a,y\n1,a,x\n"),
               "bad:5: iface \"a\" has the same time and bssid in line 3"}),
    [](const auto& row) { return row.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Json, BadTrace,
    testing::Values(
        BadRow{"syntax", "{\"t\":1,\"links\":[]}\n{\"t\":", "bad:2: is not valid JSON"},
        BadRow{"nan", json_of(",\"rtt_ms\":NaN"), "bad:1: is not valid JSON"},
        BadRow{"time", "{\"links\":[]}", "bad:1: t is missing"},
        BadRow{"time_same", "{\"t\":1,\"links\":[]}\n{\"t\":1,\"links\":[]}", "bad:2: t is not after the line above"},
        BadRow{"links", "{\"t\":1}", "bad:1: links is not a list"},
        BadRow{"key", json_of(",\"colour\":1"), "bad:1: unknown key \"colour\""},
        BadRow{"rssi", json_of(",\"rssi_dbm\":-121"), "bad:1: rssi_dbm -121 is out of range"},
        BadRow{"text", json_of(",\"loss\":\"none\""), "bad:1: loss \"none\" is not a finite number"},
        BadRow{"technology", json_of(",\"tech\":\"5g\""), "bad:1: tech \"5g\" is none of wlan, umts, lte, nr, eth"},
        BadRow{"connected", json_of(",\"connected\":0.5"), "bad:1: connected is neither 0 nor 1"},
        BadRow{"key_twice", "{\"t\":1,\"links\":[{\"iface\":\"a\"},{\"iface\":\"a\"}]}",
               "bad:1: iface \"a\" is there twice with the same bssid"}),
    [](const auto& row) { return row.param.name; });

TEST(Trace, AFileThatIsNotThereIsNamed) {
    EXPECT_EQ(load_links("/nowhere/links.csv").error().text, "/nowhere/links.csv: cannot be read");
}

}  // namespace
}  // namespace homeward::trace
