#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "day.h"
#include "papers.h"
#include "selection/catalogue.h"
#include "selection/selector.h"

namespace homeward::papers {
namespace {

using namespace homeward::selection;
using nlohmann::json;

constexpr InterfaceId kWlan = 1;
constexpr InterfaceId kCellular = 2;
constexpr int kDay = 86'400;
constexpr std::uint32_t kHome = 1;
constexpr std::uint32_t kOffice = 2;

/// A person with wishes that the engine does not know.
class User {
  public:
    explicit User(std::uint64_t seed) : random_(seed) {
        std::generate(wish_.begin(), wish_.end(), [&] { return random_.uniform(); });
    }
    const Preference::Vector& wish() const { return wish_; }

    /// Scores the dimension that is farthest off; one time in ten the wrong way.
    Score score(const Preference::Vector& known) {
        std::size_t worst = 0;
        for (std::size_t d = 1; d < wish_.size(); ++d) {
            worst = std::abs(wish_[d] - known[d]) > std::abs(wish_[worst] - known[worst]) ? d : worst;
        }
        const double off = wish_[worst] - known[worst];
        const double size = std::abs(off) > 0.3 ? 2 : std::abs(off) > 0.05 ? 1 : 0;
        const double said = (off < 0 ? -size : size) * (random_.chance(0.1) ? -1 : 1);
        Score score;
        (worst == 0   ? score.performance
         : worst == 1 ? score.energy
         : worst == 2 ? score.offloading
                      : score.continuity) = said;
        return score;
    }
    bool bothers() { return random_.chance(0.2); }

  private:
    Random random_;
    Preference::Vector wish_{};
};

struct DayResult {
    double mbps = 0;           // carried while anything was wanted
    double satisfied = 0;      // of what was asked for
    double capacity_mbps = 0;  // of the serving link while anything was wanted
    int handoffs = 0;
    int interruptions = 0;  // handoffs while a flow with continuity above 0.5 was open
    double joules = 0;
    double video_joules = 0, video_s = 0;
    double cost = 0;
    std::array<double, kApps.size()> bytes{}, wlan_bytes{};
    std::vector<double> by_handoff;  // running mean of the carried rate at each handoff
};

Observation observe(const Moment& moment, int second, LinkKey serving) {
    Observation seen;
    seen.at = second;
    seen.serving = serving;
    const auto wlan = [&](Bssid bssid, std::uint32_t domain, Known dbm, double mbps) {
        Link link;
        link.key = {kWlan, bssid};
        link.technology = Technology::wlan;
        link.domain = domain;
        link.up = dbm && *dbm > -90;
        link.rssi_dbm = dbm;
        // A rate is measured on the link in use; of others only the signal is known.
        link.rate_mbps = link.key == serving ? Known{mbps} : std::nullopt;
        link.cost_per_mb = 0;
        if (dbm) {
            seen.links.push_back(link);
        }
    };
    wlan(1, kHome, moment.home_dbm, moment.home_mbps);
    wlan(2, kOffice, moment.office_dbm, moment.office_mbps);
    wlan(3, 3, moment.street_dbm, moment.street_mbps);
    Link cellular;
    cellular.key = {kCellular, 0};
    cellular.technology = Technology::umts;
    cellular.up = true;
    cellular.rssi_dbm = moment.cellular_dbm;
    cellular.rate_mbps = moment.cellular_mbps;
    cellular.cost_per_mb = 0.05;
    seen.links.push_back(cellular);
    seen.has_flows = true;
    for (std::size_t i = 0; i < moment.sessions.size(); ++i) {
        const App& app = kApps[moment.sessions[i].app];
        Flow flow;
        flow.id = static_cast<std::uint32_t>(i + 1);
        flow.app = static_cast<std::uint16_t>(moment.sessions[i].app + 1);
        flow.demand_mbps = app.mbps;
        flow.time_critical = app.time_critical;
        flow.continuity = app.continuity;
        flow.interface = serving.interface;
        seen.flows.push_back(flow);
    }
    return seen;
}

double capacity(const Moment& moment, LinkKey serving) {
    if (serving.interface == kCellular) {
        return moment.cellular_mbps;
    }
    const Known signal = serving.bssid == 1   ? moment.home_dbm
                         : serving.bssid == 2 ? moment.office_dbm
                                              : moment.street_dbm;
    if (!signal || *signal <= -90) {
        return 0;
    }
    return serving.bssid == 1 ? moment.home_mbps : serving.bssid == 2 ? moment.office_mbps : moment.street_mbps;
}

/// Sums of one day.
class Account {
  public:
    explicit Account(DayResult& result) : result_(result) {}

    void second(int now, const Moment& moment, LinkKey serving, bool handoff) {
        double asked = 0;
        for (const Session& each : moment.sessions) {
            asked += kApps[each.app].mbps;
        }
        const bool wlan = serving.interface == kWlan;
        const double room = handoff ? 0 : capacity(moment, serving);  // a second without traffic
        const double carried = std::min(asked, room);
        if (asked > 0) {
            ++active_;
            carried_ += carried;
            asked_ += asked;
            room_ += room;
        }
        bool video = false;
        for (const Session& each : moment.sessions) {
            const double part = carried * kApps[each.app].mbps / std::max(asked, 1e-9) / 8;
            result_.bytes[each.app] += part;
            result_.wlan_bytes[each.app] += wlan ? part : 0;
            video = video || each.app == 0;
        }
        result_.cost += wlan ? 0 : 0.05 * carried / 8;
        if (handoff) {
            ++result_.handoffs;
            result_.interruptions += std::any_of(moment.sessions.begin(), moment.sessions.end(),
                                                 [](const Session& each) { return kApps[each.app].continuity > 0.5; });
            result_.by_handoff.push_back(carried_ / std::max(1, active_));
        }
        const double before = energy_;
        draw(now, wlan, room > 0 ? carried / room : 0);
        result_.video_joules += video ? energy_ - before : 0;
        result_.video_s += video ? 1 : 0;
        result_.joules = energy_;
        result_.mbps = carried_ / std::max(1, active_);
        result_.satisfied = carried_ / std::max(1e-9, asked_);
        result_.capacity_mbps = room_ / std::max(1, active_);
    }

  private:
    /// One radio is on. `busy`: part of the second it transfers; tails follow, the cellular ones for 14 s.
    void draw(int now, bool wlan, double busy) {
        const RadioProfile& radio = wlan ? kWlanAria : kUmtsAria;
        if (wlan != on_wlan_) {
            on_wlan_ = wlan;
            last_busy_ = -1000;
        }
        const double since = now - last_busy_;
        if (busy > 0) {
            energy_ += since > radio.tail1_s + radio.tail2_s ? radio.wake_from_idle_j
                       : since > radio.tail1_s + 1           ? radio.wake_from_tail2_j
                                                             : 0;
            // Within the second the rest is tail: the next burst comes before it ends.
            energy_ += busy * radio.active_w + (1 - busy) * (wlan ? radio.idle_w : radio.tail1_w);
            last_busy_ = now;
        } else {
            energy_ += since <= radio.tail1_s                   ? radio.tail1_w
                       : since <= radio.tail1_s + radio.tail2_s ? radio.tail2_w
                                                                : radio.idle_w;
        }
    }

    DayResult& result_;
    double carried_ = 0, asked_ = 0, room_ = 0, energy_ = 0;
    int active_ = 0;
    bool on_wlan_ = false;
    double last_busy_ = -1000;
};

using Make = std::function<std::unique_ptr<Engine>(std::uint64_t)>;

DayResult live(Day day, User user, const Make& make, std::uint64_t seed) {
    Selector selector{make(seed), {}};
    auto* closed = dynamic_cast<ClosedLoop*>(&selector.engine());
    if (closed != nullptr) {
        for (std::size_t app = 0; app < kApps.size(); ++app) {  // what users listed
            closed->list_app({static_cast<std::uint16_t>(app + 1), kApps[app].time_critical, kApps[app].mbps,
                              kApps[app].continuity});
        }
    }
    DayResult result;
    Account account{result};
    LinkKey serving{kCellular, 0};
    for (int second = 0; second < kDay; ++second) {
        const Moment& moment = day.next(second);
        selector.observe(observe(moment, second, serving));
        const Decision decision = selector.decide(second, Trigger::tick);
        if (decision.change) {
            serving = decision.serving;
            selector.report({static_cast<double>(second), serving, true});
            if (closed != nullptr && user.bothers()) {
                selector.feedback(user.score(closed->preference()), second);
            }
        }
        account.second(second, moment, serving, decision.change);
    }
    return result;
}

/// ‖F − F*‖₁ after 0, 1, … 10 scores, for both ways to learn.
json learning(int users) {
    json result;
    for (const auto way : {Preference::Learning::step, Preference::Learning::bayesian}) {
        json rows = json::array();
        for (int number = 0; number < users; ++number) {
            User user{static_cast<std::uint64_t>(number) + 4000};
            Preference::Settings settings;
            settings.learning = way;
            Preference preference{settings};
            json row = json::array();
            for (int scores = 0; scores <= 10; ++scores) {
                double off = 0;
                for (std::size_t d = 0; d < Preference::kDimensions; ++d) {
                    off += std::abs(preference.vector()[d] - user.wish()[d]);
                }
                row.push_back(off);
                preference.score(user.score(preference.vector()), scores * 3600.0);
            }
            rows.push_back(row);
        }
        result[way == Preference::Learning::step ? "step" : "bayesian"] = rows;
    }
    return result;
}

void add(json& rows, const DayResult& day) {
    rows["mbps"].push_back(day.mbps);
    rows["satisfied"].push_back(day.satisfied);
    rows["capacity_mbps"].push_back(day.capacity_mbps);
    rows["handoffs"].push_back(day.handoffs);
    rows["interruptions"].push_back(day.interruptions);
    rows["joules"].push_back(day.joules);
    rows["video_30min_joules"].push_back(day.video_s > 0 ? day.video_joules / day.video_s * 1800 : 0);
    rows["cost"].push_back(day.cost);
    for (std::size_t app = 0; app < kApps.size(); ++app) {
        rows["offload"][kApps[app].name].push_back(day.bytes[app] > 0 ? day.wlan_bytes[app] / day.bytes[app] : -1);
    }
}

}  // namespace

json closed_loop_paper(int seeds) {
    EngineSettings settings;
    settings.manual.known_domains.push_back(kHome);
    settings.manual.known_domains.push_back(kOffice);
    EngineSettings surviving = settings;
    surviving.closed_loop.flows_survive = true;
    EngineSettings left_on = settings;
    left_on.manual.off_when_lost = false;
    const std::pair<const char*, Make> kMethods[] = {
        {"closed-loop", [=](std::uint64_t seed) { return make_engine("closed-loop", settings, seed); }},
        {"heuristic", [=](std::uint64_t seed) { return make_engine("heuristic", settings, seed); }},
        {"manual", [=](std::uint64_t seed) { return make_engine("manual", settings, seed); }},
        {"manual, WLAN left on", [=](std::uint64_t seed) { return make_engine("manual", left_on, seed); }},
        {"closed-loop, flows survive", [=](std::uint64_t seed) { return make_engine("closed-loop", surviving, seed); }},
    };
    constexpr int kUsers = 5;
    const int days = std::max(30, seeds) / 5 * 5;  // at least six days of each of five users
    Progress progress{"paper 001, days", 5 * days};
    json result;
    for (const auto& [name, make] : kMethods) {
        json rows;
        for (int day = 0; day < days; ++day) {
            const auto seed = static_cast<std::uint64_t>(day);
            const DayResult one = live(Day{seed}, User{100 + seed % kUsers}, make, seed);
            add(rows, one);
            if (day == 0) {
                rows["by_handoff"] = one.by_handoff;
            }
            progress.step();
        }
        result["methods"][name] = rows;
    }
    result["learning"] = learning(200);
    return result;
}

}  // namespace homeward::papers
