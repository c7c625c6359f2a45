#include "selection/pmp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "scene_builder.h"
#include "selection/hybrid.h"

namespace homeward::selection {
namespace {

using Index = Hmm::Index;

SiteMap line_of_five() {
    SiteMap site;
    site.latitude = 5;
    site.longitude = 100;
    site.path = {{0, 5}, {220, 5}};
    for (int i = 0; i < 5; ++i) {
        site.points.push_back({{1, static_cast<Bssid>(i + 1)}, {55.0 * i, 0}});
    }
    return site;
}

std::vector<Point> walk(double noise, Random& random, double from = 10, double to = 210) {
    std::vector<Point> fixes;
    const int steps = static_cast<int>(std::abs(to - from) / 5);
    for (int step = 0; step <= steps; ++step) {
        const double east = from + (from < to ? 5 : -5) * step;
        fixes.push_back({east + noise * random.normal(), 5 + noise * random.normal()});
    }
    return fixes;
}

MobilityModel trained(double noise = 3, int walks = 30, MobilityModel::Settings settings = {}) {
    MobilityModel model{settings, line_of_five().path, line_of_five().points};
    Random random{1};
    for (int i = 0; i < walks; ++i) {
        model.train(walk(noise, random));
    }
    return model;
}

TEST(PathMap, CellsAlongThePath) {
    const PathMap map{{{0, 0}, {100, 0}, {100, 50}}, 5, 15};
    EXPECT_EQ(map.cells(), 30U);
    struct Row {
        Point point;
        int cell;
    };
    constexpr Row kRows[] = {{{0, 0}, 0},     {{4.9, 3}, 0},   {{5.1, -3}, 1},   {{-14, 0}, 0}, {{-16, 0}, -1},
                             {{100, 50}, 29}, {{101, 12}, 22}, {{50, 15.5}, -1}, {{50, 14}, 10}};
    for (const Row& row : kRows) {
        const auto cell = map.cell_of(row.point);
        EXPECT_EQ(cell ? static_cast<int>(*cell) : -1, row.cell) << row.point.east << ' ' << row.point.north;
    }
    EXPECT_EQ((PathMap{{{0, 0}, {10'000, 0}}, 5, 15, 100}.cells()), 100U) << "a long path has longer cells";
}

TEST(PathMap, CentresAreMeansOfFixes) {
    PathMap map{{{0, 0}, {100, 0}}, 5, 15};
    EXPECT_NEAR(map.centre(3).east, 17.5, 1e-9);
    map.add_fix(3, {16, 2});
    map.add_fix(3, {18, 4});
    EXPECT_NEAR(map.centre(3).east, 17, 1e-9);
    EXPECT_NEAR(map.centre(3).north, 3, 1e-9);
}

TEST(Plane, ThereAndBack) {
    const Plane plane{48.4, -4.5};
    const Point point{123.4, -56.7};
    const Point back = plane.point(plane.position(point));
    EXPECT_NEAR(back.east, point.east, 1e-6);
    EXPECT_NEAR(back.north, point.north, 1e-6);
}

TEST(MobilityModel, OneDecodeWithoutSmoothingIsTheMarkovChain) {
    MobilityModel::Settings settings;
    settings.epsilon_place = 0;
    settings.second_order = false;
    MobilityModel model{settings, line_of_five().path, line_of_five().points};
    Random random{3};
    std::map<Index, std::map<Index, int>> counts;
    for (int i = 0; i < 50; ++i) {
        const std::vector<Point> fixes = walk(4, random);
        model.train(fixes);
        for (std::size_t t = 0; t + 1 < fixes.size(); ++t) {
            const auto now = model.map().cell_of(fixes[t]);
            const auto next = model.map().cell_of(fixes[t + 1]);
            if (now && next) {
                ++counts[*now][*next];
            }
        }
    }
    int checked = 0;
    for (const auto& [now, following] : counts) {
        int most = 0;
        for (const auto& [next, count] : following) {
            most = std::max(most, count);
        }
        Index predicted[1];
        ASSERT_TRUE(model.predict(now, predicted));
        if (most >= 3) {  // below, the little that is thought of unseen places weighs in
            EXPECT_EQ(following.contains(predicted[0]) ? following.at(predicted[0]) : 0, most) << "cell " << now;
            ++checked;
        }
    }
    EXPECT_GT(checked, 20);
}

TEST(MobilityModel, PredictsTheNextCellsOfAKnownWalk) {
    MobilityModel model = trained(0.5);
    Index ahead[5];
    ASSERT_TRUE(model.predict(10, ahead));
    for (Index k = 0; k < 5; ++k) {
        EXPECT_NEAR(ahead[k], 11 + k, 1.01);
    }
}

TEST(MobilityModel, StaysWhereNobodyWasSeen) {
    MobilityModel model{{}, line_of_five().path, line_of_five().points};
    Index ahead[3];
    ASSERT_TRUE(model.predict(17, ahead));
    EXPECT_EQ(ahead[2], 17);
}

TEST(MobilityModel, StandingStillIsLearned) {
    MobilityModel model{{}, line_of_five().path, line_of_five().points};
    const std::vector<Point> still(40, Point{100, 5});
    model.train(still);
    Index ahead[1];
    ASSERT_TRUE(model.predict(20, ahead));
    EXPECT_EQ(ahead[0], 20);
}

TEST(MobilityModel, AccessPointIsTheNearestBeforeAndAfterTraining) {
    for (const int walks : {0, 30}) {
        MobilityModel model = trained(2, walks);
        for (const Index cell : {Index{2}, Index{10}, Index{22}, Index{33}, Index{42}}) {
            const std::vector<Index> stay(6, cell);
            const auto target = model.target(stay);
            ASSERT_TRUE(target);
            EXPECT_EQ(*target, model.nearest(model.map().centre(cell))) << walks << " walks, cell " << cell;
        }
    }
}

TEST(MobilityModel, MaskedAccessPointIsNotNamed) {
    MobilityModel model = trained();
    const std::vector<Index> stay(6, Index{10});
    const bool without_second[] = {true, false, true, true, true};
    const auto target = model.target(stay, without_second);
    ASSERT_TRUE(target);
    EXPECT_NE(*target, 1U);
    const bool none[] = {false, false, false, false, false};
    EXPECT_FALSE(model.target(stay, none));
}

TEST(HeadingSense, TurnsWhenOneIsFarEnoughBack) {
    struct Row {
        Index cell;
        Heading heading;
    };
    using enum Heading;
    constexpr Row kRows[] = {{10, unknown}, {11, unknown},  {9, backward},  {10, backward}, {8, backward},
                             {9, backward}, {10, forward},  {14, forward},  {13, forward},  {15, forward},
                             {14, forward}, {13, backward}, {13, backward}, {11, backward}, {12, backward}};
    HeadingSense sense{2};
    for (const Row& row : kRows) {
        EXPECT_EQ(sense.see(row.cell), row.heading) << row.cell;
    }
    sense.reset();
    EXPECT_EQ(sense.heading(), unknown);
    EXPECT_EQ(sense.see(40), unknown);
}

/// People walk one way as often as the other: where one goes depends on where one came from.
TEST(MobilityModel, SecondOrderKnowsWhichWayOneGoes) {
    for (const bool second_order : {false, true}) {
        MobilityModel::Settings settings;
        settings.second_order = second_order;
        MobilityModel model{settings, line_of_five().path, line_of_five().points};
        Random random{1};
        for (int i = 0; i < 15; ++i) {
            model.train(walk(0.5, random, 12.5, 212.5));  // in the middle of cells
            model.train(walk(0.5, random, 212.5, 12.5));
        }
        Index there[5], back[5], unknown[5];
        ASSERT_TRUE(model.predict(20, Heading::forward, there));
        ASSERT_TRUE(model.predict(20, Heading::backward, back));
        ASSERT_TRUE(model.predict(20, unknown));
        EXPECT_EQ(there[4] == back[4], !second_order);
        if (second_order) {
            EXPECT_NEAR(there[4], 25, 1.01);
            EXPECT_NEAR(back[4], 15, 1.01);
            EXPECT_NE(unknown[0], 20) << "one of both ways";
        }
    }
}

TEST(MobilityModel, OrdersDoNotTakeEachOthersMemory) {
    MobilityModel::Settings first;
    first.second_order = false;
    MobilityModel one = trained(3, 5, first);
    MobilityModel other = trained(3, 5);
    EXPECT_FALSE(one.restore(other.snapshot()));
    EXPECT_FALSE(other.restore(one.snapshot()));
}

TEST(MobilityModel, LearnsANewDirectionOnline) {
    MobilityModel model = trained(0.5, 10);
    Random random{2};
    Index ahead[1];
    ASSERT_TRUE(model.predict(20, ahead));
    EXPECT_GT(ahead[0], 20);
    for (int i = 0; i < 40; ++i) {
        model.restart();
        for (const Point& fix : walk(0.5, random, 210, 10)) {
            model.learn(fix);
        }
    }
    ASSERT_TRUE(model.predict(20, ahead));
    EXPECT_LT(ahead[0], 20);
}

TEST(MobilityModel, FollowsAMovedAccessPoint) {
    MobilityModel model = trained();
    const std::vector<Index> stay(6, Index{17});  // 87.5 m: between the second (55) and the third (110)
    EXPECT_EQ(model.target(stay), 2U);
    model.place_point(1, {80, 0});
    EXPECT_EQ(model.target(stay), 1U);
}

TEST(MobilityModel, RemembersWhatItLearned) {
    MobilityModel model = trained();
    model.place_point(2, {115, 3});
    const std::vector<double> learned = model.snapshot();
    MobilityModel other{{}, line_of_five().path, line_of_five().points};
    ASSERT_TRUE(other.restore(learned));
    EXPECT_EQ(other.snapshot(), learned);
    for (Index cell = 0; cell < model.map().cells(); ++cell) {
        Index ahead[2][3];
        ASSERT_EQ(model.predict(cell, ahead[0]), other.predict(cell, ahead[1]));
        EXPECT_TRUE(std::equal(std::begin(ahead[0]), std::end(ahead[0]), std::begin(ahead[1]))) << cell;
        const std::vector<Index> stay(6, cell);
        EXPECT_EQ(model.target(stay), other.target(stay)) << cell;
    }
}

TEST(MobilityModel, RefusesAnotherPathsMemory) {
    const MobilityModel model = trained();
    const std::vector<double> learned = model.snapshot();
    struct Row {
        const char* name;
        std::function<void(std::vector<double>&)> spoil;
    };
    const Row rows[] = {{"nothing", [](auto& n) { n.clear(); }},
                        {"another form", [](auto& n) { n[0] += 1; }},
                        {"another path", [](auto& n) { n[1] += 1; }},
                        {"another number of access points", [](auto& n) { n[2] -= 1; }},
                        {"not a number", [](auto& n) { n[4] = std::nan(""); }},
                        {"a count below zero", [](auto& n) { n.back() = -1; }},
                        {"a place that is not there", [](auto& n) { n[n.size() - 2] = 1e9; }},
                        {"cut off", [](auto& n) { n.pop_back(); }},
                        {"something behind it", [](auto& n) { n.push_back(0); }}};
    for (const Row& row : rows) {
        std::vector<double> spoilt = learned;
        row.spoil(spoilt);
        MobilityModel other = trained(1, 3);
        const std::vector<double> before = other.snapshot();
        EXPECT_FALSE(other.restore(spoilt)) << row.name;
        EXPECT_EQ(other.snapshot(), before) << row.name;
    }
}

class PmpTest : public ::testing::Test {
  protected:
    PmpTest() {
        settings_.site = line_of_five();
        settings_.lookahead = 1;
    }
    void make() {
        engine_ = std::make_unique<Pmp>(settings_);
        Random random{1};
        for (int i = 0; i < 30; ++i) {
            engine_->model().train(walk(2, random));
        }
    }
    /// All five access points at −60 dBm, the node at `east`.
    Scene at(Seconds now, std::optional<double> east, Bssid serving, double accuracy = 5) {
        Scene scene = scene_of({wlan(1, 1, -60), wlan(1, 2, -60), wlan(1, 3, -60), wlan(1, 4, -60), wlan(1, 5, -60)},
                               {1, serving}, now);
        if (east) {
            scene.position = Plane{5, 100}.position({*east, 5});
            scene.position->accuracy_m = accuracy;
            scene.position->at = now;
        }
        return scene;
    }
    Decision decide(const Scene& scene) {
        engine_->observe(scene);
        return engine_->decide(scene, Trigger::fix, {});
    }

    Pmp::Settings settings_;
    std::unique_ptr<Pmp> engine_;
};

TEST_F(PmpTest, HandsOverTowardsWhereTheNodeGoes) {
    make();
    Bssid serving = 1;
    int handovers = 0;
    for (int now = 0; now <= 200; now += 5) {
        const Decision decision = decide(at(now, 10 + now, serving));
        handovers += decision.change ? 1 : 0;
        serving = decision.serving.bssid;
    }
    EXPECT_EQ(serving, 5U);
    EXPECT_EQ(handovers, 4);
}

TEST_F(PmpTest, TakesAFixEveryKPlusOnePeriods) {
    for (const std::size_t lookahead : {std::size_t{1}, std::size_t{4}}) {
        settings_.lookahead = lookahead;
        make();
        decide(at(0, 10, 1));
        const auto first = engine_->predicted();
        ASSERT_EQ(first.size(), lookahead);
        const Index before = first[0];
        decide(at(5.0 * static_cast<double>(lookahead), 100, 1));
        EXPECT_EQ(engine_->predicted()[0], before) << "not due";
        decide(at(5.0 * static_cast<double>(lookahead + 1), 100, 1));
        EXPECT_NE(engine_->predicted()[0], before);
    }
}

/// A step over a gap of more than two periods of fixes is none that anybody walked: it is not learned.
TEST_F(PmpTest, AGapOfMoreThanTwoPeriodsRestartsTheSequence) {
    struct Row {
        const char* name;
        std::size_t lookahead;
        double gap;
        bool restarts;
    };
    // Fixes are taken every (K + 1) · 5 s.
    constexpr Row kRows[] = {{"the next fix", 1, 10, false},
                             {"one fix missed, to the second", 1, 20, false},
                             {"more", 1, 20.5, true},
                             {"five periods are the rhythm", 4, 50, false},
                             {"more than two of them", 4, 50.5, true}};
    settings_.learn_online = true;
    for (const Row& row : kRows) {
        settings_.lookahead = row.lookahead;
        Pmp engine{settings_};
        MobilityModel expected{settings_.model, settings_.site.path, settings_.site.points};
        const double period = 5.0 * static_cast<double>(row.lookahead + 1);
        const double times[] = {0, period, 2 * period, 2 * period + row.gap, 3 * period + row.gap};
        for (std::size_t i = 0; i < std::size(times); ++i) {
            const Scene scene = at(times[i], 10 + 20 * static_cast<double>(i), 1);
            engine.observe(scene);
            if (i == 3 && row.restarts) {
                expected.restart();
            }
            expected.learn(engine.plane().point(*scene.position));
        }
        EXPECT_EQ(engine.snapshot(), expected.snapshot()) << row.name;
    }
}

TEST_F(PmpTest, HoldsWhenTheTargetIsWeakOrUnseen) {
    make();
    decide(at(0, 90, 2));
    Scene scene = at(10, 100, 2);
    scene.links[2].rssi_dbm = -83;
    EXPECT_EQ(decide(scene).serving.bssid, 2U) << "seen, and too weak";
    scene = at(20, 110, 2);
    scene.links[2].rssi_dbm.reset();
    EXPECT_EQ(decide(scene).serving.bssid, 3U) << "in sight, its signal unknown";
    scene = at(30, 110, 2);
    scene.links[2].up = false;
    EXPECT_NE(decide(scene).serving.bssid, 3U) << "masked";
}

TEST_F(PmpTest, CoastsThreeStepsThenGoesBySignal) {
    make();
    decide(at(0, 10, 1));
    Reason reasons[8] = {};
    for (int step = 1; step <= 7; ++step) {
        Scene scene = at(5 * step + 10, std::nullopt, 5);
        scene.links[3].rssi_dbm = -40;
        reasons[step] = decide(scene).reason;
    }
    EXPECT_EQ(reasons[1], Reason::coasting);
    EXPECT_EQ(reasons[3], Reason::coasting);
    EXPECT_EQ(reasons[5], Reason::better) << "the strongest";
}

TEST_F(PmpTest, AnInaccurateFixIsNone) {
    make();
    Scene scene = at(0, 200, 1, 31);
    scene.links[1].rssi_dbm = -30;
    EXPECT_EQ(decide(scene).serving.bssid, 2U) << "never located: by signal";
    EXPECT_EQ(decide(at(1, 200, 1, 30)).serving.bssid, 5U);
}

/// Trained both ways, one who turned is seen going back.
TEST_F(PmpTest, FollowsATurn) {
    engine_ = std::make_unique<Pmp>(settings_);
    Random random{1};
    for (int i = 0; i < 15; ++i) {
        engine_->model().train(walk(0.5, random));
        engine_->model().train(walk(0.5, random, 210, 10));
    }
    const auto ahead_of = [&](Seconds now, double east) {
        engine_->observe(at(now, east, 3));
        return engine_->model().map().centre(engine_->predicted()[0]).east;
    };
    for (int i = 0; i <= 8; ++i) {
        const double ahead = ahead_of(10.0 * i, 60 + 10.0 * i);
        EXPECT_TRUE(i < 2 || ahead > 60 + 10.0 * i) << i;
    }
    for (int i = 1; i <= 6; ++i) {
        const double ahead = ahead_of(80 + 10.0 * i, 140 - 10.0 * i);
        EXPECT_TRUE(i < 2 || ahead < 140 - 10.0 * i) << i;
    }
}

TEST_F(PmpTest, AsksForTheFixesThatItTakes) {
    make();
    EXPECT_LT(engine_->next_fix(), 0);
    engine_->observe(at(100, 50, 2));
    EXPECT_EQ(engine_->next_fix(), 110);
}

TEST_F(PmpTest, OffThePathTheNearest) {
    make();
    Scene scene = at(0, 165, 1);
    scene.position = Plane{5, 100}.position({165, 40});
    EXPECT_EQ(decide(scene).serving.bssid, 4U);
}

TEST_F(PmpTest, DeadServingLinkIsLeftForTheTarget) {
    make();
    Scene scene = at(0, 30, 1);
    scene.links[0].up = false;
    const Decision decision = decide(scene);
    EXPECT_NE(decision.serving.bssid, 1U);
    EXPECT_EQ(decision.reason, Reason::dead);
}

TEST(TrackFilter, FollowsAWalkerAndForgetsAfterAGap) {
    TrackFilter track{{}};
    Random random{4};
    for (int t = 0; t <= 200; t += 5) {
        track.fix({t + random.normal(), random.normal()}, t);
    }
    EXPECT_NEAR(track.at(205).east, 205, 3);
    EXPECT_NEAR(track.speed_mps(), 1, 0.3);
    track.fix({0, 0}, 300);
    EXPECT_EQ(track.speed_mps(), 0);
    EXPECT_EQ(track.at(310).east, 0);
}

TEST(Hybrid, AsksForFewerFixesWhileTheTrackHolds) {
    Hybrid::Settings settings;
    settings.site = line_of_five();
    settings.fix_most_s = 20;
    Hybrid engine{settings};
    const auto fix_at = [&](Seconds now, double east) {
        Scene scene = scene_of({wlan(1, 1, -60)}, {1, 1}, now);
        scene.position = Plane{5, 100}.position({east, 5});
        scene.position->at = now;
        engine.observe(scene);
        return engine.next_fix() - now;
    };
    EXPECT_EQ(fix_at(0, 10), 5);
    EXPECT_EQ(fix_at(5, 15), 10) << "where it stood is near enough";
    EXPECT_EQ(fix_at(10, 150), 5) << "not asked for, not looked at";
    EXPECT_EQ(fix_at(15, 25), 20);
    EXPECT_EQ(fix_at(35, 45), 20) << "no longer than this";
    EXPECT_NEAR(engine.track().speed_mps(), 1, 0.01);
    EXPECT_EQ(fix_at(55, 20), 5) << "turned: looks again soon";
    settings.fix_most_s = 0;
    Hybrid each{settings};
    EXPECT_LT(each.next_fix(), 0) << "every fix is taken";
}

TEST(Hybrid, ChoosesWhatWillBeBetterAhead) {
    Hybrid::Settings settings;
    settings.site = line_of_five();
    struct Row {
        const char* name;
        double step;
        Bssid expected;
    };
    // Just beyond the middle between the first and the second, where both are heard alike.
    constexpr Row kRows[] = {{"walking on", 1, 2}, {"walking back", -1, 1}};
    for (const Row& row : kRows) {
        Hybrid engine{settings};
        LinkKey serving{1, row.step > 0 ? Bssid{1} : Bssid{2}};
        for (int now = 0; now <= 20; ++now) {
            const double east = 27.5 + row.step * (now - 12);
            Scene scene = scene_of({}, serving, now);
            for (const AccessPoint& each : settings.site.points) {
                const double away = std::hypot(east - each.place.east, 5);
                scene.links.push_back(wlan(1, each.key.bssid, settings.path_loss.rssi_dbm(away) - 10));
            }
            scene.position = Plane{5, 100}.position({east, 5});
            scene.position->at = now - now % 5;
            engine.observe(scene);
            serving = engine.decide(scene, Trigger::tick, {}).serving;
        }
        EXPECT_EQ(serving.bssid, row.expected) << row.name;
    }
}

TEST(Hybrid, HoldsOnAnUnknownSignalAndWorksWithoutPosition) {
    Hybrid engine{{}};
    Scene scene = scene_of({wlan(1, 1, std::nullopt), wlan(1, 2, -50)}, {1, 1});
    engine.observe(scene);
    EXPECT_EQ(engine.decide(scene, Trigger::tick, {}).reason, Reason::hold) << "unknown is not zero";
    scene.links[0].rssi_dbm = -86;
    scene.now = 1;
    engine.observe(scene);
    EXPECT_EQ(engine.decide(scene, Trigger::tick, {}).serving.bssid, 2U);
}

}  // namespace
}  // namespace homeward::selection
