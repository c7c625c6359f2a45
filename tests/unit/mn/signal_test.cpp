#include <gtest/gtest.h>
#include <linux/genetlink.h>
#include <linux/nl80211.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "descriptor/unique_fd.h"
#include "handover/signal_judge.h"
#include "netlink/attribute.h"
#include "netlink/message.h"
#include "signal/source.h"
#include "station.h"
#include "supplicant_text.h"

namespace homeward {
namespace {

using namespace std::chrono_literals;
using handover::SignalJudge;
using handover::Wish;

/// A directory of its own, gone afterwards.
class Signal : public testing::Test {
  protected:
    Signal() {
        std::string name = "/tmp/homeward-signal-XXXXXX";
        directory = ::mkdtemp(name.data());
    }
    ~Signal() override { std::filesystem::remove_all(directory); }
    std::filesystem::path directory;
};

TEST_F(Signal, ReplayFollowsTheTraceInTime) {
    std::ofstream(directory / "links.csv") << "# mn-trace v1\nt_s,iface,bssid,connected,rssi_dbm,snr_db\n"
                                              "10,wlan0,a,1,-50,40\n10,wlan0,b,0,-40,\n"
                                              "11,wlan0,a,1,-60,\n11,eth0,,,,\n12,wlan0,b,1,-70,\n";
    const auto source = signal::open_replay(directory / "links.csv");
    ASSERT_TRUE(source);
    const auto rssi = [&](const char* interface, std::chrono::nanoseconds now) {
        const auto reading = source.value()->read(interface, 3, now);
        return reading ? reading->rssi_dbm : std::nullopt;
    };
    EXPECT_EQ(rssi("wlan0", 500s), -50) << "the first reading starts it; an access point only heard is not the signal";
    EXPECT_EQ(source.value()->read("wlan0", 3, 500s)->noise_dbm, -90);
    EXPECT_EQ(rssi("wlan0", 500900ms), -50);
    EXPECT_EQ(rssi("wlan0", 501s), -60);
    EXPECT_EQ(rssi("wlan0", 560s), -70) << "after its end the last moment stays";
    EXPECT_EQ(rssi("eth0", 560s), std::nullopt);
    EXPECT_EQ(rssi("wlan9", 560s), std::nullopt);
}

TEST_F(Signal, AReplayOfABadTraceIsRefusedWithItsLine) {
    std::ofstream(directory / "links.csv") << "# mn-trace v1\nt_s,iface,rssi_dbm\n1,wlan0,7\n";
    EXPECT_NE(signal::open_replay(directory / "links.csv").error().text.find("links.csv:3: rssi_dbm"),
              std::string::npos);
}

/// The other end of a control socket: real datagrams, spoken by the test.
class Supplicant {
  public:
    explicit Supplicant(const std::filesystem::path& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        bound_ = ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    bool bound() const { return bound_; }
    std::string heard() {
        std::array<char, 256> buffer{};
        length_ = sizeof peer_;
        const ssize_t size =
            ::recvfrom(fd_.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&peer_), &length_);
        return size < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(size));
    }
    void say(const std::string& text) {
        ASSERT_GE(::sendto(fd_.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&peer_), length_),
                  0);
    }

  private:
    UniqueFd fd_;
    bool bound_ = false;
    sockaddr_un peer_{};
    socklen_t length_ = 0;
};

TEST_F(Signal, WpaSupplicantIsAskedAndItsEventsAreHeard) {
    const auto opened = signal::open_wpa_supplicant(directory);
    ASSERT_TRUE(opened);
    signal::Source& source = *opened.value();
    EXPECT_FALSE(source.read("wlan0", 3, 1s)) << "not running yet";
    {
        Supplicant supplicant{directory / "wlan0"};
        ASSERT_TRUE(supplicant.bound());
        EXPECT_FALSE(source.read("wlan0", 3, 2s));
        EXPECT_EQ(supplicant.heard(), "ATTACH");
        EXPECT_EQ(supplicant.heard(), "SIGNAL_POLL");
        supplicant.say("OK\n");
        supplicant.say("RSSI=-61\nLINKSPEED=866\nNOISE=9999\nFREQUENCY=5180\n");
        const auto reading = source.read("wlan0", 3, 3s);
        ASSERT_TRUE(reading);
        EXPECT_EQ(reading->rssi_dbm, -61);
        EXPECT_EQ(reading->noise_dbm, std::nullopt);
        EXPECT_EQ(reading->tx_mbps, 866);
        supplicant.say("<3>CTRL-EVENT-SIGNAL-CHANGE above=0 signal=-79 noise=-95 txrate=6000\n");
        EXPECT_EQ(source.read("wlan0", 3, 4s)->rssi_dbm, -79);
        EXPECT_FALSE(source.read("wlan0", 3, 8s)) << "an old reading says nothing";
        supplicant.say("RSSI=-61\n");
        supplicant.say("<3>CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:00:01 reason=3\n");
        EXPECT_FALSE(source.read("wlan0", 3, 9s));
    }
    EXPECT_FALSE(source.read("wlan0", 3, 10s)) << "gone";
    std::filesystem::remove(directory / "wlan0");
    Supplicant again{directory / "wlan0"};
    source.read("wlan0", 3, 11s);
    EXPECT_EQ(again.heard(), "ATTACH");
}

TEST_F(Signal, AMissingDirectoryOfWpaSupplicantIsNamed) {
    EXPECT_EQ(signal::open_wpa_supplicant("/nowhere").error().text,
              "wpa_supplicant has no control sockets in /nowhere");
}

struct Said {
    const char* name;
    const char* text;
    std::optional<double> rssi;
};
class PollAnswers : public testing::TestWithParam<Said> {};
TEST_P(PollAnswers, AreRead) {
    const auto reading = signal::signal_poll_answer(GetParam().text);
    EXPECT_EQ(reading ? reading->rssi_dbm : std::nullopt, GetParam().rssi);
}
INSTANTIATE_TEST_SUITE_P(Rows, PollAnswers,
                         testing::Values(Said{"fail", "FAIL\n", std::nullopt}, Said{"empty", "", std::nullopt},
                                         Said{"plain", "RSSI=-60\nLINKSPEED=65\n", -60},
                                         Said{"unknown", "RSSI=9999\n", std::nullopt},
                                         Said{"positive", "RSSI=12\n", std::nullopt},
                                         Said{"garbage", "RSSI=-6x\n=\nRSSI", std::nullopt},
                                         Said{"average_is_another_key", "AVG_RSSI=-50\nRSSI=-70\n", -70}),
                         [](const auto& row) { return row.param.name; });

/// What the kernel would answer, laid out by the same rules.
TEST(Nl80211, ReadsAStation) {
    netlink::Message message{30, 0};
    message.extra<genlmsghdr>().cmd = NL80211_CMD_NEW_STATION;
    constexpr std::array<std::uint8_t, 6> kMac{2, 0, 0, 0, 0, 0x1f};
    message.put_bytes(NL80211_ATTR_MAC, kMac.data(), kMac.size());
    nlattr* info = message.nest(NL80211_ATTR_STA_INFO);
    message.put_u8(NL80211_STA_INFO_SIGNAL, static_cast<std::uint8_t>(-67));
    nlattr* rate = message.nest(NL80211_STA_INFO_TX_BITRATE);
    message.put(NL80211_RATE_INFO_BITRATE32, std::uint32_t{8667});
    message.end(rate);
    message.end(info);
    const auto reading = signal::reading_of_station(netlink::attributes(*message.header(), sizeof(genlmsghdr)));
    ASSERT_TRUE(reading);
    EXPECT_EQ(reading->rssi_dbm, -67);
    EXPECT_EQ(reading->tx_mbps, 866.7);
    EXPECT_EQ(reading->rx_mbps, std::nullopt);
    EXPECT_EQ(reading->bssid, "02:00:00:00:00:1f");
}

TEST(Nl80211, AStationWithoutSignalIsNoReading) {
    netlink::Message message{30, 0};
    message.extra<genlmsghdr>().cmd = NL80211_CMD_NEW_STATION;
    EXPECT_FALSE(signal::reading_of_station(netlink::attributes(*message.header(), sizeof(genlmsghdr))));
    message.end(message.nest(NL80211_ATTR_STA_INFO));
    EXPECT_FALSE(signal::reading_of_station(netlink::attributes(*message.header(), sizeof(genlmsghdr))));
}

TEST(Nl80211, TakesNoiseFromTheChannelInUse) {
    for (const bool in_use : {false, true}) {
        netlink::Message message{30, 0};
        message.extra<genlmsghdr>().cmd = NL80211_CMD_NEW_SURVEY_RESULTS;
        nlattr* info = message.nest(NL80211_ATTR_SURVEY_INFO);
        message.put_u8(NL80211_SURVEY_INFO_NOISE, static_cast<std::uint8_t>(-95));
        if (in_use) {
            message.put_bytes(NL80211_SURVEY_INFO_IN_USE, "", 0);
        }
        message.end(info);
        const auto noise = signal::noise_of_survey(netlink::attributes(*message.header(), sizeof(genlmsghdr)));
        EXPECT_EQ(noise, in_use ? std::optional{-95.0} : std::nullopt);
    }
}

class Judge : public testing::Test {
  protected:
    /// Readings every 200 ms; the decisions as words with their times.
    void hear(std::optional<double> dbm, int readings) {
        for (int i = 0; i < readings; ++i, now += 200ms) {
            if (const auto decision = judge.observe(0, dbm, now)) {
                said += (decision->wish == Wish::leave ? "leave " : "use ") + decision->reason + "; ";
                decided_at = now;
            }
        }
    }
    SignalJudge judge{1, {}};
    std::chrono::nanoseconds now{0}, decided_at{0};
    std::string said;
};

TEST_F(Judge, LeavesAWeakUplinkAndReturnsToAStrongOne) {
    hear(-60, 50);
    EXPECT_EQ(said, "");
    hear(-85, 10);
    EXPECT_EQ(said, "leave its signal fell to -84 dBm; ");
    said.clear();
    hear(-76, 100);
    EXPECT_EQ(said, "") << "between the thresholds nothing changes";
    hear(-65, 20);
    EXPECT_EQ(said, "use its signal is back at -65 dBm; ");
}

TEST_F(Judge, AShortDipIsNoReason) {
    for (int i = 0; i < 50; ++i) {
        hear(-70, 5);
        hear(-88, 1);
    }
    EXPECT_EQ(said, "");
}

TEST_F(Judge, ASignalThatSwingsAroundAThresholdDoesNotOscillate) {
    for (int i = 0; i < 500; ++i) {
        hear(i % 2 == 0 ? -74 : -86, 2);
    }
    EXPECT_LE(std::count(said.begin(), said.end(), ';'), 1);
}

TEST_F(Judge, UnknownIsNotWeak) {
    hear(std::nullopt, 100);
    EXPECT_EQ(said, "");
    hear(-90, 10);
    said.clear();
    hear(std::nullopt, 24);
    EXPECT_EQ(said, "");
    hear(std::nullopt, 4);
    EXPECT_EQ(said, "use its signal is unknown; ");
}

}  // namespace
}  // namespace homeward
