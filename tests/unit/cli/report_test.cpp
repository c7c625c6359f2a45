#include "report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace homeward::cli {
namespace {

using nlohmann::json;
using namespace nlohmann::literals;

const Paint kPlain{false};

const json kUplinks = R"({"uplinks":[{"name":"wlan","interface":"wlan0","label":1,"state":"bound","reason":"",
    "address":"10.1.1.2","gateway":"10.1.1.1","usable":true,"tunnel_mtu":1468,"rtt_ms":2.04,"last_reply_ago_s":63,
    "renews_in_s":27,"expires_in_s":57.2,"tx_packets":5,"tx_bytes":420,"rx_packets":10,"rx_bytes":2097152,
    "tx_bps":0,"rx_bps":14670000}]})"_json;

TEST(Report, ShowsAnUplinkAsWireGuardShowsAPeer) {
    EXPECT_EQ(uplinks_report(Answer(&kUplinks), kPlain),
              "uplink: wlan (wlan0, label 1)\n"
              "  state: bound\n"
              "  care-of address: 10.1.1.2 via 10.1.1.1\n"
              "  registration: last reply 1 minute, 3 seconds ago, renews in 27 seconds, expires in 57 seconds\n"
              "  round trip: 2.0 ms, tunnel MTU 1468\n"
              "  transfer: 2.00 MiB received (14.67 Mbit/s), 420 B sent (0 bit/s)\n");
}

TEST(Report, ShowsWhatProbesFoundOfAPath) {
    json measured = kUplinks;
    measured["uplinks"][0].update(
        R"({"jitter_ms":0.31,"loss":0.02,"rate_down_bps":18000000,"rate_up_bps":2500000})"_json);
    const std::string report = uplinks_report(Answer(&measured), kPlain);
    EXPECT_NE(report.find("  round trip: 2.0 ms, jitter 0.3 ms, loss 2 %, tunnel MTU 1468\n"), std::string::npos);
    EXPECT_NE(report.find("  most in a second: 18.00 Mbit/s received, 2.50 Mbit/s sent\n"), std::string::npos);
}

TEST(Report, SaysThatPacketsLeftTwice) {
    json redundant = kUplinks;
    redundant["uplinks"][0]["tx_copies"] = 1234;
    EXPECT_NE(uplinks_report(Answer(&redundant), kPlain)
                  .find("  redundant: 1,234 packets of those sent left by another uplink, too\n"),
              std::string::npos);
}

TEST(Report, SaysWhyAnUplinkIsNotBound) {
    const json uplinks = R"({"uplinks":[{"name":"wlan","interface":"wlan0","label":1,"state":"down",
        "reason":"wlan0 does not exist"}]})"_json;
    EXPECT_EQ(uplinks_report(Answer(&uplinks), kPlain),
              "uplink: wlan (wlan0, label 1)\n"
              "  state: down: wlan0 does not exist\n"
              "  transfer: 0 B received (0 bit/s), 0 B sent (0 bit/s)\n");
}

TEST(Report, ShowsABindingWithItsPolicyAndCareOfAddresses) {
    const json bindings = R"({"bindings":[{"home_address":"158.132.10.12","nai":"phone@example.org",
        "policy":{"source":"node","version":1795230218,"digest":"d671e717b7b3aa","rules":1},
        "uplinks":[{"binding_id":2,"label":2,"technology":"lte","care_of":"203.0.113.2","registered_care_of":"10.64.0.2",
        "port":60341,"nat":true,"up":true,"registered_ago_s":0,"expires_in_s":59.9}]}]})"_json;
    EXPECT_EQ(
        bindings_report(Answer(&bindings), kPlain),
        "binding: 158.132.10.12 (phone@example.org)\n"
        "  policy: the node's own, version 1795230218, digest d671e717b7b3, 1 rule\n"
        "  uplink lte: 203.0.113.2:60341 (NAT, is 10.64.0.2), label 2, up, registered now, expires in 59 seconds\n");
    const json none = R"({"bindings":[]})"_json;
    EXPECT_EQ(bindings_report(Answer(&none), kPlain), "no node is registered\n");
}

TEST(Report, ShowsRulesInColumns) {
    const json policy =
        R"({"generation":{"version":7,"digest":"d671e717b7b3aa"},"peer":{"version":7,"digest":"d671e717b7b3aa"},
        "synchronised":true,"default":["wlan","cellular"],"rates":{"cellular":63,"wlan":255},"total_rules":4,"rules":[{"index":0,"name":"video",
        "correspondent":"158.132.10.178/32","protocol":"udp","ports":"5000-5999","uplinks":["cellular","wlan"]},
        {"index":1,"name":"bulk","correspondent":"10.0.0.0/8","protocol":"tcp","ports":"any","mode":"spread",
        "uplinks":["wlan","cellular","wired"],"weights":[4,1,0]},
        {"index":2,"name":"rest","correspondent":"0.0.0.0/0","protocol":"any","ports":"any","mode":"spread-by-rate",
        "uplinks":["wlan","cellular"],"weights":[1,1]},
        {"index":3,"name":"call","correspondent":"0.0.0.0/0","protocol":"udp","ports":"any","mode":"redundant",
        "uplinks":["wired","wlan","cellular"],"weights":null}]})"_json;
    EXPECT_EQ(policy_report(Answer(&policy), kPlain),
              "policy: version 7, digest d671e717b7b3, 4 rules; the same at the other end\n"
              "default: wlan, cellular\n"
              "relative rates: cellular 63, wlan 255\n"
              "rule  name   correspondent      protocol  ports      uplinks\n"
              "   0  video  158.132.10.178/32  udp       5000-5999  cellular, wlan\n"
              "   1  bulk   10.0.0.0/8         tcp       any        spread over wlan 4, cellular 1, else wired\n"
              "   2  rest   0.0.0.0/0          any       any        spread by rate over wlan, cellular\n"
              "   3  call   0.0.0.0/0          udp       any        by two of wired, wlan, cellular\n");
}

TEST(Report, SaysThatThereIsNoPolicy) {
    const json policy = R"({"generation":{"version":0,"digest":""},"peer":null,"default":[],"rules":[]})"_json;
    EXPECT_EQ(policy_report(Answer(&policy), kPlain),
              "no policy is in force: the first uplink that is up carries everything\n");
}

TEST(Report, ExplainsARoute) {
    const json route = R"({"to":"158.132.10.178","rule":{"index":0,"name":"video"},"uplinks":["cellular","wlan"],
        "chosen":"wlan","why":"cellular is down; wlan is the next uplink that rule 0 (video) names."})"_json;
    EXPECT_EQ(route_report(Answer(&route), kPlain),
              "158.132.10.178 by wlan, rule 0 (video)\n"
              "  uplinks in order: cellular, wlan\n"
              "  cellular is down; wlan is the next uplink that rule 0 (video) names.\n");
}

TEST(Report, ColoursOnlyWhenAsked) {
    EXPECT_NE(uplinks_report(Answer(&kUplinks), Paint{true}).find("\x1b["), std::string::npos);
    EXPECT_EQ(uplinks_report(Answer(&kUplinks), kPlain).find('\x1b'), std::string::npos);
}

TEST(Report, SurvivesAnswersOfAnotherShape) {
    const json odd =
        R"({"uplinks":[7,null,{"name":["x"],"label":"one","rx_bytes":"many"}],"rules":3,"drops":[],"bindings":{}})"_json;
    EXPECT_NO_THROW({
        uplinks_report(Answer(&odd), kPlain);
        policy_report(Answer(&odd), kPlain);
        drops_report(Answer(&odd), kPlain);
        bindings_report(Answer(&odd), kPlain);
        route_report(Answer(&odd), kPlain);
    });
}

}  // namespace
}  // namespace homeward::cli
