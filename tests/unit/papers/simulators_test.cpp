// The papers' simulators: what their figures rest on, each by a case whose answer is known.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "arrivals.h"
#include "day.h"
#include "download.h"
#include "minrtt.h"
#include "selection/strongest_signal.h"
#include "testbed.h"
#include "video.h"
#include "walk.h"

namespace homeward::papers {
namespace {

TEST(Agenda, InOrderOfTimeThenOfAsking) {
    Agenda agenda;
    std::string order;
    agenda.at(2, [&] { order += 'c'; });
    agenda.at(1, [&] {
        order += 'a';
        agenda.after(0, [&] { order += 'b'; });
        agenda.at(0.5, [&] { order += '!'; });  // what is past already is now
    });
    agenda.at(2, [&] { order += 'd'; });
    agenda.at(3, [&] { order += 'e'; });
    agenda.run(2.5);
    EXPECT_EQ(order, "ab!cd");
    EXPECT_EQ(agenda.now(), 2.5);
}

struct Wire {
    explicit Wire(const Path::Settings& settings) : path(agenda, settings, random) {}
    void send(int packets) {
        for (int i = 0; i < packets; ++i) {
            path.send(1500, [this, number = sent++] { arrived.push_back(number); });
        }
    }
    Agenda agenda;
    Random random{1};
    Path path;
    int sent = 0;
    std::vector<int> arrived;
};

TEST(Path, CarriesItsRateInOrder) {
    Wire wire{{12, 0.1, 1e9}};  // 1000 packets of 1500 bytes a second
    wire.send(5000);
    wire.agenda.run(0.1);
    EXPECT_TRUE(wire.arrived.empty()) << "nothing is faster than the delay";
    wire.agenda.run(2.1);
    EXPECT_NEAR(static_cast<double>(wire.arrived.size()), 2000, 60);
    EXPECT_TRUE(std::is_sorted(wire.arrived.begin(), wire.arrived.end()));
    EXPECT_EQ(wire.path.delivered_bytes(), wire.arrived.size() * 1500);
}

TEST(Path, DropsAtTheTailOfItsQueue) {
    Wire wire{{12, 0, 0.05}};
    wire.send(1000);
    wire.agenda.run(10);
    EXPECT_NEAR(static_cast<double>(wire.arrived.size()), 51, 8);
    EXPECT_EQ(wire.arrived.back() + 1, static_cast<int>(wire.arrived.size())) << "the first, not any";
}

TEST(Path, LosesWhatIsOnItWhenItBreaks) {
    Wire wire{{12, 0.1, 1e9}};
    wire.send(100);
    wire.agenda.run(0.15);
    const std::size_t before = wire.arrived.size();
    EXPECT_GT(before, 20U);
    wire.path.set_up(false);
    wire.send(10);
    wire.path.set_up(true);
    wire.agenda.run(5);
    EXPECT_EQ(wire.arrived.size(), before);
    wire.send(10);
    wire.agenda.run(10);
    EXPECT_EQ(wire.arrived.size(), before + 10);
}

TEST(Video, LosesPicturesThatAreNotWholeInTime) {
    struct Row {
        const char* name;
        Path::Settings path;
        double lost_part;
    };
    const Row rows[] = {{"wide enough", {10, 0.02, 1}, 0}, {"too late", {10, 0.6, 1}, 1}};
    for (const Row& row : rows) {
        Wire wire{row.path};
        Video video{wire.agenda, [&] { return &wire.path; }, {}};
        video.play(10);
        wire.agenda.run(20);
        const Video::Result result = video.result();
        EXPECT_NEAR(result.pictures, 300, 2) << row.name;
        EXPECT_NEAR(result.lost_pictures, row.lost_part * result.pictures, 1) << row.name;
    }
}

TEST(Download, FillsThePathAndSurvivesItsSilence) {
    Wire wire{{12, 0.02, 0.05}};
    Download download{wire.agenda, [&]() -> Path& { return wire.path; }};
    download.start();
    wire.agenda.run(10);
    EXPECT_GT(static_cast<double>(wire.path.delivered_bytes()) * 8e-6 / 10, 0.85 * 12);
    download.watch_gaps();
    wire.path.set_up(false);
    wire.agenda.run(15);
    wire.path.set_up(true);
    const std::uint64_t before = wire.path.delivered_bytes();
    wire.agenda.run(40);
    EXPECT_GT(static_cast<double>(wire.path.delivered_bytes() - before) * 8e-6 / 25, 0.5 * 12);
    EXPECT_GE(download.longest_gap_s(), 5);
}

double mean(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(MinRtt, UsesBothAndSurvivesOne) {
    const std::vector<double> steady(60, 10);
    EXPECT_NEAR(mean(minrtt(steady, 5, {}).series_mbps), 15, 1) << "the sum of both";
    const MinRttResult alone = minrtt(steady, 0, {});
    EXPECT_NEAR(mean(alone.series_mbps), 10, 0.7);
    EXPECT_EQ(alone.over_lte, 0);
    std::vector<double> broken(60, 10);
    std::fill(broken.begin() + 20, broken.begin() + 40, 0.0);
    const MinRttResult result = minrtt(broken, 5, {});
    EXPECT_GT(result.lost, 0) << "what was on its way is sent again";
    EXPECT_EQ(alone.lost, 0);
    EXPECT_NEAR(mean({result.series_mbps.begin() + 25, result.series_mbps.begin() + 40}), 5, 0.5);
    EXPECT_GT(mean({result.series_mbps.begin() + 50, result.series_mbps.end()}), 12) << "the WLAN is taken again";
}

TEST(MinRtt, ASmallBufferHoldsBothBack) {
    MinRttSettings settings;
    settings.buffer_mb = 0.01;
    settings.lte_rtt_s = 0.5;
    EXPECT_LT(mean(minrtt(std::vector<double>(30, 10), 10, settings).series_mbps), 12);
}

TEST(Walk, IsAsTheScenarioSays) {
    const Scenario scenario = plausible();
    double square = 0, next = 0, fading = 0;
    int fixes_seen = 0, samples = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const std::vector<Step> steps = walk(scenario, seed);
        EXPECT_EQ(steps.front().truth.east, 10);
        EXPECT_NEAR(steps.back().truth.east, 210, 1.5);
        EXPECT_EQ(steps.back().truth.north, 5);
        for (std::size_t t = 1; t < steps.size(); ++t) {
            const double error = steps[t].fix.east - steps[t].truth.east;
            square += error * error;
            next += error * (steps[t - 1].fix.east - steps[t - 1].truth.east);
            ++fixes_seen;
            const double away = std::hypot(steps[t].truth.east - 110, 5);
            fading += steps[t].rssi_dbm[2] - scenario.path_loss.rssi_dbm(away);
            ++samples;
        }
    }
    EXPECT_NEAR(std::sqrt(square / fixes_seen), scenario.gps_m, 0.3);
    EXPECT_NEAR(next / square, scenario.gps_memory, 0.03) << "the fix's error remembers";
    EXPECT_NEAR(fading / samples, 0, 0.7) << "signals vary about the path loss";
}

TEST(Walk, GoesBothWaysInTheCorridor) {
    int back = 0, turned = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        const std::vector<Step> steps = walk(corridor(), seed);
        const double from = steps.front().truth.east, to = steps.back().truth.east;
        EXPECT_TRUE(from == 10 || from == 210) << from;
        for (std::size_t t = 1; t < steps.size(); ++t) {
            EXPECT_LE(distance(steps[t].truth, steps[t - 1].truth), 1.41);
        }
        back += from > 100 ? 1 : 0;
        turned += std::abs(from - to) < 5 ? 1 : 0;
    }
    EXPECT_NEAR(back, 100, 25);
    EXPECT_NEAR(turned, 100, 25);
}

TEST(Run, AsksTheEngineWhichFixesItWants) {
    const std::vector<Step> steps = walk(plausible(), 1);
    selection::Hybrid::Settings settings;
    settings.site = site();
    const WalkResult all = run(steps, std::make_unique<selection::Hybrid>(settings), 1, {0, true});
    EXPECT_EQ(static_cast<std::size_t>(all.fixes), fixes(steps).size());
    settings.fix_most_s = 20;
    const WalkResult fewer = run(steps, std::make_unique<selection::Hybrid>(settings), 1, {0, true});
    EXPECT_LT(fewer.fixes, all.fixes);
    EXPECT_LT(fewer.joules, all.joules) << "a receiver that sleeps";
}

TEST(Walk, TheSameSeedIsTheSameWalk) {
    const auto a = walk(plausible(), 7), b = walk(plausible(), 7), c = walk(plausible(), 8);
    ASSERT_EQ(a.size(), b.size());
    EXPECT_EQ(a.back().rssi_dbm[3], b.back().rssi_dbm[3]);
    EXPECT_NE(a.back().rssi_dbm[3], c.back().rssi_dbm[3]);
    const std::vector<Point> points = fixes(a);
    ASSERT_EQ(points.size(), (a.size() + 4) / 5);
    EXPECT_EQ(points[2].east, a[10].fix.east);
}

/// Steps whose goodput is drawn at random, from the first access point on.
std::vector<Step> random_steps(std::size_t count, std::uint64_t seed) {
    Random random{seed};
    std::vector<Step> steps(count);
    for (Step& step : steps) {
        for (std::size_t i = 0; i < kAccessPoints; ++i) {
            step.goodput_mbps[i] = random.uniform(0, 10);
            step.rssi_dbm[i] = -60;
        }
    }
    return steps;
}

/// Tries every sequence of handovers.
double best_of_all(const std::vector<Step>& steps, std::size_t t, std::size_t serving, int dead) {
    if (t >= steps.size()) {
        return 0;
    }
    double best = steps[t].goodput_mbps[serving] + best_of_all(steps, t + 1, serving, dead);
    for (std::size_t other = 0; t > 0 && other < kAccessPoints; ++other) {
        const std::size_t joined = t + static_cast<std::size_t>(dead);
        if (other != serving && joined < steps.size()) {
            best = std::max(best, steps[joined].goodput_mbps[other] + best_of_all(steps, joined + 1, other, dead));
        }
    }
    return best;
}

TEST(Clairvoyant, IsWhatTryingAllFinds) {
    for (const int dead : {1, 2, 3}) {
        for (std::uint64_t seed = 1; seed <= 10; ++seed) {
            const std::vector<Step> steps = random_steps(7, seed);
            const WalkResult result = clairvoyant(steps, dead);
            const double sum = std::accumulate(result.series_mbps.begin(), result.series_mbps.end(), 0.0);
            EXPECT_NEAR(sum, best_of_all(steps, 0, 0, dead), 1e-9) << dead << " s dead, seed " << seed;
        }
    }
}

TEST(Clairvoyant, NoEngineBeatsIt) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const std::vector<Step> steps = walk(plausible(), seed);
        const WalkResult best = clairvoyant(steps, 1);
        for (const double hysteresis : {0.0, 6.0}) {
            selection::StrongestSignal::Settings settings;
            settings.hysteresis_db = hysteresis;
            const WalkResult result = run(steps, std::make_unique<selection::StrongestSignal>(settings), 1, {});
            EXPECT_LE(result.goodput_mbps, best.goodput_mbps + 1e-9) << seed;
        }
    }
}

TEST(Run, CountsHandoversReturnsAndInterruptions) {
    // The second access point is the stronger one from 20 s on, for 6 s or for 30; each handover is 2 s without.
    struct Row {
        int away, ping_pongs;
    };
    for (const Row row : {Row{6, 1}, Row{30, 0}}) {
        std::vector<Step> steps(80);
        for (int t = 0; t < 80; ++t) {
            Step& step = steps[static_cast<std::size_t>(t)];
            const bool second = t >= 20 && t < 20 + row.away;
            std::fill(std::begin(step.rssi_dbm), std::end(step.rssi_dbm), -110.0);
            step.rssi_dbm[0] = second ? -80 : -50;
            step.rssi_dbm[1] = second ? -50 : -80;
            std::fill(std::begin(step.goodput_mbps), std::end(step.goodput_mbps), 10.0);
        }
        const WalkResult result =
            run(steps, std::make_unique<selection::StrongestSignal>(selection::StrongestSignal::Settings{}), 2, {});
        EXPECT_EQ(result.handovers, 2);
        EXPECT_EQ(result.ping_pongs, row.ping_pongs) << row.away;
        EXPECT_EQ(result.interruptions, 2);
        EXPECT_EQ(result.interrupted_s, 4);
        EXPECT_EQ(result.longest_s, 2);
        EXPECT_NEAR(result.goodput_mbps, 10 * 76 / 80.0, 1e-9);
    }
}

TEST(Arrivals, AreThePapersMix) {
    Arrivals arrivals{3};
    int videos = 0;
    double web_s = 0;
    constexpr int kFlows = 20'000;
    for (int i = 0; i < kFlows; ++i) {
        const FlowDemand flow = arrivals.flow();
        const bool video = flow.on_s > 100;
        videos += video ? 1 : 0;
        EXPECT_GE(flow.mbps, video ? 0.5 : 0.2);
        EXPECT_LE(flow.mbps, video ? 2 : 0.6);
        if (!video) {
            EXPECT_NEAR(flow.on_s * flow.mbps * 1000, 100, 1e-6) << "25 packets, 4/R seconds apart";
            EXPECT_EQ(flow.off_s, 412);
            web_s = arrivals.lifetime(flow);
        }
    }
    EXPECT_NEAR(videos / double{kFlows}, 0.4, 0.02);
    EXPECT_EQ(web_s, 5 * 412);
    const AssignmentProblem problem = arrivals.problem(8, 4);
    EXPECT_EQ(problem.flows.size(), 8U);
    for (std::size_t j = 0; j < 4; ++j) {
        const InterfaceOffer& offer = problem.interfaces[j];
        EXPECT_EQ(offer.radio.active_w, (j % 2 == 1 ? kWlanAria : kUmtsAria).active_w);
        EXPECT_TRUE(offer.mbps >= (j % 2 == 1 ? 1 : 0.5) && offer.mbps <= (j % 2 == 1 ? 5 : 2)) << offer.mbps;
    }
}

TEST(Day, SessionsComeAsOftenAsTheirAppsSay) {
    constexpr int kDay = 24 * 3600, kDays = 40;
    std::array<double, kApps.size()> begun{};
    double home = 0;
    for (std::uint64_t seed = 1; seed <= kDays; ++seed) {
        Day day{seed};
        std::vector<Session> before;
        for (int second = 0; second < kDay; ++second) {
            const Moment& now = day.next(second);
            home += now.home_dbm ? 1 : 0;
            for (const Session& session : now.sessions) {
                const bool known = std::any_of(before.begin(), before.end(), [&](const Session& each) {
                    return each.app == session.app && each.until == session.until;
                });
                begun[session.app] += known ? 0 : 1;
            }
            before = now.sessions;
        }
    }
    for (std::size_t app = 0; app < kApps.size(); ++app) {
        const double wanted = kApps[app].sessions_per_day * kDays;
        EXPECT_NEAR(begun[app], wanted, 0.2 * wanted + 3 * std::sqrt(wanted)) << kApps[app].name;
    }
    EXPECT_GT(home / kDays / 3600, 8) << "a night and more at home";
    EXPECT_LT(home / kDays / 3600, 20);
}

TEST(Day, TheSameSeedIsTheSameDay) {
    Day a{5}, b{5}, c{6};
    bool other = false;
    for (int second = 0; second < 20'000; ++second) {
        const Moment& one = a.next(second);
        const Moment& two = b.next(second);
        ASSERT_EQ(one.cellular_mbps, two.cellular_mbps);
        ASSERT_EQ(one.sessions.size(), two.sessions.size());
        other = other || one.cellular_mbps != c.next(second).cellular_mbps;
    }
    EXPECT_TRUE(other);
}

}  // namespace
}  // namespace homeward::papers
