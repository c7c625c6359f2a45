#include <algorithm>
#include <array>
#include <cmath>

#include "download.h"
#include "papers.h"
#include "selection/catalogue.h"
#include "selection/selector.h"
#include "video.h"

namespace homeward::papers {
namespace {

using nlohmann::json;
using selection::LinkKey;

// The rates that the paper measured of each network alone; delays and queues are ours.
constexpr Path::Settings kWlanPath{14.67, 0.010, 0.1};
constexpr Path::Settings kUmtsPath{3.61, 0.080, 0.3};
constexpr LinkKey kWlan{1, 1};
constexpr LinkKey kUmts{2, 0};

/// The home agent's two ways to the node.
struct Networks {
    explicit Networks(std::uint64_t seed) : random(seed) {}
    double delivered_mb() const { return static_cast<double>(wlan.delivered_bytes() + umts.delivered_bytes()) * 8e-6; }

    Agenda agenda;
    Random random;
    Path wlan{agenda, kWlanPath, random};
    Path umts{agenda, kUmtsPath, random};
};

/// Mbps of downloads over one network, the other, both at once; a file for each network that is used. The connections'
/// first five seconds do not count.
json throughput_of(std::uint64_t seed, bool use_wlan, bool use_umts, json* series) {
    constexpr int kStart = 5;
    constexpr int kEnd = 65;
    Networks networks{seed};
    Download over_wlan{networks.agenda, [&]() -> Path& { return networks.wlan; }};
    Download over_umts{networks.agenda, [&]() -> Path& { return networks.umts; }};
    if (use_wlan) {
        over_wlan.start();
    }
    if (use_umts) {
        over_umts.start();
    }
    double before = 0;
    double at_start = 0;
    for (int second = 1; second <= kEnd; ++second) {
        networks.agenda.run(second);
        at_start = second == kStart ? networks.delivered_mb() : at_start;
        if (series != nullptr) {
            series->push_back(networks.delivered_mb() - before);
        }
        before = networks.delivered_mb();
    }
    return (before - at_start) / (kEnd - kStart);
}

json throughput(int seeds, Progress& progress) {
    json result;
    struct Run {
        const char* name;
        bool wlan, umts;
    };
    for (const Run& run : {Run{"3G only", false, true}, Run{"WLAN only", true, false}, Run{"both", true, true}}) {
        json& rows = result[run.name];
        for (int seed = 0; seed < seeds; ++seed) {
            json* series = seed == 0 ? &rows["series"] : nullptr;
            rows["mbps"].push_back(throughput_of(static_cast<std::uint64_t>(seed), run.wlan, run.umts, series));
            progress.step();
        }
    }
    return result;
}

/// How a node changes its network.
struct Manner {
    const char* name;
    const char* engine;
    bool make_before_break;
    Seconds wake_umts_s;  // until 3G carries; nothing where it is kept up and registered
};
constexpr Manner kManners[] = {{"both registered", "handover", true, 0},
                               {"make before break", "handover", true, 2},
                               {"break before make", "handover", false, 2},
                               {"leaves when lost", "static", false, 2}};

/// Somebody walks away from the access point and back, a video playing.
class Stroll {
  public:
    static constexpr Seconds kLength = 1800;

    Stroll(const Manner& manner, std::uint64_t seed)
        : manner_(manner), networks_(seed), signal_(seed + 1'000'000), selector_(engine(manner, seed), {}) {}

    json run() {
        Video video{networks_.agenda, [this] { return serving_; }, {}};
        video.play(kLength);
        for (int second = 0; second < static_cast<int>(kLength); ++second) {
            networks_.agenda.run(second);
            move(second);
        }
        networks_.agenda.run(kLength + 2);
        const Video::Result seen = video.result();
        const double each = std::max(1, handovers_);
        return {{"handovers", handovers_},
                {"pictures", seen.lost_pictures / each},
                {"lost", seen.lost_packets / each},
                {"reordered", seen.reordered / each},
                {"longest_s", seen.longest_gap_s}};
    }

  private:
    static constexpr double kFar = 90;  // metres, and back
    static constexpr Seconds kJoinWlan = 1;
    static constexpr Seconds kNotice = 0.2;  // until a dead path is noticed: missed probes

    static std::unique_ptr<selection::Engine> engine(const Manner& manner, std::uint64_t seed) {
        selection::EngineSettings settings;
        settings.fixed.order.push_back(kWlan.interface);
        settings.fixed.order.push_back(kUmts.interface);
        return make_engine(manner.engine, settings, seed);
    }

    /// Signal of the second; shadowing that changes within ten metres.
    double rssi_dbm(int second) {
        const double walked = std::fmod(second, 2 * kFar);
        const double away = 5 + (walked < kFar ? walked : 2 * kFar - walked);
        const double keep = std::exp(-1 / 10.0);
        shadow_db_ = keep * shadow_db_ + std::sqrt(1 - keep * keep) * 6 * signal_.normal();
        return std::clamp(selection::PathLoss{}.rssi_dbm(away) + shadow_db_, -120.0, 0.0);
    }

    void move(int second) {
        const double rssi = rssi_dbm(second);
        const selection::RateModel rates;
        const double mbps = rates.goodput_mbps(rates.snr_db(rssi));
        in_reach_ = mbps > 0;
        networks_.wlan.set_up(in_reach_ && !closed_);
        networks_.wlan.set_mbps(std::clamp(mbps, 0.1, kWlanPath.mbps));
        selection::Observation seen;
        seen.at = second;
        seen.serving = at_;
        selection::Link wlan;
        wlan.key = kWlan;
        wlan.up = in_reach_;
        wlan.rssi_dbm = std::clamp(rssi + 2 * signal_.normal(), -120.0, 0.0);
        selection::Link umts;
        umts.key = kUmts;
        umts.technology = selection::Technology::umts;
        umts.up = true;
        umts.rssi_dbm = -75;
        seen.links.push_back(wlan);
        seen.links.push_back(umts);
        selector_.observe(seen);
        if (!pending_) {
            const selection::Decision decision = selector_.decide(second, selection::Trigger::tick);
            if (decision.change) {
                change(decision.serving);
            }
        }
    }

    /// The new network is brought up and registered; the old one carries on meanwhile, or is closed before.
    void change(LinkKey target) {
        ++handovers_;
        pending_ = true;
        Path& path = target == kWlan ? networks_.wlan : networks_.umts;
        const Seconds notice = serving_->up() ? 0 : kNotice;
        const Seconds prepare = target == kWlan ? kJoinWlan : manner_.wake_umts_s;
        // Registration is one round trip; a new address also means a new session with the server: two more.
        const Seconds signalling = (manner_.make_before_break ? 2 : 6) * path.delay_s();
        if (!manner_.make_before_break) {
            closed_ = target != kWlan;
            serving_->set_up(false);
            serving_ = nullptr;
        }
        networks_.agenda.after(notice + prepare + signalling, [this, target, &path] {
            closed_ = closed_ && target != kWlan;
            path.set_up(target == kUmts || in_reach_);
            serving_ = &path;
            at_ = target;
            pending_ = false;
            selector_.report({networks_.agenda.now(), target, true});
        });
    }

    Manner manner_;
    Networks networks_;
    Random signal_;
    selection::Selector selector_;
    Path* serving_ = &networks_.wlan;
    LinkKey at_ = kWlan;
    bool pending_ = false, closed_ = false, in_reach_ = true;
    double shadow_db_ = 0;
    int handovers_ = 0;
};

json strolls(int seeds, Progress& progress) {
    json result;
    for (const Manner& manner : kManners) {
        json& rows = result[manner.name];
        for (int seed = 0; seed < seeds; ++seed) {
            const json one = Stroll{manner, static_cast<std::uint64_t>(seed)}.run();
            for (const auto& [key, value] : one.items()) {
                rows[key].push_back(value);
            }
            progress.step();
        }
    }
    return result;
}

struct PowerCut {
    const char* name;
    bool video_on_umts;
    bool file;          // one comes over WLAN
    bool file_follows;  // to 3G, where the video is
};
constexpr PowerCut kPowerCuts[] = {{"video on 3G, the file waits", true, true, false},
                                   {"video on 3G, the file follows", true, true, true},
                                   {"video on WLAN moves to 3G", false, false, false}};

/// The access point loses power. Three probes of 50 ms have to be missed, then a registration travels over 3G.
json power_cut(const PowerCut& how, std::uint64_t seed) {
    constexpr Seconds kCut = 20;
    constexpr Seconds kEnd = 40;
    Networks networks{seed};
    Path* video_path = how.video_on_umts ? &networks.umts : &networks.wlan;
    Path* file_path = &networks.wlan;
    Download file{networks.agenda, [&]() -> Path& { return *file_path; }};
    Video video{networks.agenda, [&] { return video_path; }, {}};
    if (how.file) {
        file.start();
    }
    video.play(kEnd);
    networks.agenda.at(kCut, [&] {
        networks.wlan.set_up(false);
        file.watch_gaps();
    });
    const Seconds noticed = 0.150 + networks.random.uniform(0, 0.05) + kUmtsPath.delay_s;
    networks.agenda.at(kCut + noticed, [&] {
        video_path = &networks.umts;
        file_path = how.file_follows ? &networks.umts : file_path;
    });
    networks.agenda.run(kEnd + 2);
    const Video::Result seen = video.result();
    json result{{"pictures", seen.lost_pictures}, {"lost", seen.lost_packets}, {"gap_s", seen.longest_gap_s}};
    if (how.file_follows) {
        result["file_gap_s"] = file.longest_gap_s();
    }
    return result;
}

json power_cuts(int seeds, Progress& progress) {
    json result;
    for (const PowerCut& each : kPowerCuts) {
        for (int seed = 0; seed < seeds; ++seed) {
            const json one = power_cut(each, static_cast<std::uint64_t>(seed));
            for (const auto& [key, value] : one.items()) {
                result[each.name][key].push_back(value);
            }
            progress.step();
        }
    }
    return result;
}

}  // namespace

json multihoming_paper(int seeds) {
    Progress progress{"paper 000, runs", 10 * seeds};
    return {{"throughput", throughput(seeds, progress)},
            {"strolls", strolls(seeds, progress)},
            {"power_cuts", power_cuts(seeds, progress)}};
}

}  // namespace homeward::papers
