#include <array>

#include "engine_reader.h"
#include "selection/names.h"

/// The constants of each engine. A key is the name of the field in the engine's Settings; seconds lose their suffix
/// and are written with a unit.
namespace homeward::config {
namespace {

using namespace selection;
using Uplinks = std::vector<UplinkConfig>;
using Read = void (*)(const Value&, const Uplinks&, EngineSettings&);

/// A list of exactly as many numbers as there is room for.
void read_numbers(const Map& map, std::string_view key, std::span<double> out, double least, double most) {
    const auto found = map.find(key);
    if (!found) {
        return;
    }
    if (!found->is_sequence() || found->items() != out.size()) {
        found->expected("a list of " + std::to_string(out.size()) + " numbers");
        return;
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = found->item(i).real(least, most);
    }
}

/// A list of pairs `[a, b]`.
template <typename Pair, std::size_t N>
void read_pairs(const Map& map, std::string_view key, std::array<Pair, N>& out, double Pair::*first,
                double Pair::*second) {
    const auto found = map.find(key);
    if (!found) {
        return;
    }
    if (!found->is_sequence() || found->items() != N) {
        found->expected("a list of " + std::to_string(N) + " pairs");
        return;
    }
    for (std::size_t i = 0; i < N; ++i) {
        const Value pair = found->item(i);
        if (!pair.is_sequence() || pair.items() != 2) {
            pair.expected("a pair of numbers");
            return;
        }
        out[i].*first = pair.item(0).real(-1e6, 1e6);
        out[i].*second = pair.item(1).real(-1e6, 1e6);
    }
}

std::vector<Field> rate_fields(RateModel& rates) {
    return {{"noise_dbm", &rates.noise_dbm, -120, 0},
            {"unusable_snr_db", &rates.unusable_snr_db, -20, 50},
            {"efficiency", &rates.efficiency, 0.01, 1}};
}

void read_rates(const Map& map, RateModel& rates) {
    if (const auto found = map.find("rates")) {
        read_fields(*found, rate_fields(rates));
    }
}

void read_static(const Value& value, const Uplinks& uplinks, EngineSettings& out) {
    const Map map{value, {"order"}};
    const auto order = map.find("order");
    for (std::size_t i = 0; order && i < order->items(); ++i) {
        if (!out.fixed.order.push_back(read_uplink_name(order->item(i), uplinks))) {
            order->fail("expected at most 16 uplinks");
        }
    }
}

void read_strongest(const Value& value, const Uplinks& /*uplinks*/, EngineSettings& out) {
    read_fields(value, {{"hysteresis_db", &out.strongest.hysteresis_db, 0, 60}});
}

void read_conventional(const Value& value, const Uplinks& /*uplinks*/, EngineSettings& out) {
    read_fields(value, {{"leave_dbm", &out.conventional.leave_dbm, -120, 0},
                        {"join_dbm", &out.conventional.join_dbm, -120, 0}});
}

void read_ladder(const Value& value, const Uplinks& /*uplinks*/, EngineSettings& out) {
    SupplicantLadder::Settings& ladder = out.ladder;
    const std::vector<Field> fields{{"great_snr_db", &ladder.great_snr_db, 0, 100},
                                    {"rate_gain_mbps", &ladder.rate_gain_mbps, 0, 10'000},
                                    {"scan_strong", Seconds{&ladder.scan_strong_s}, 0, 3600},
                                    {"scan_weak", Seconds{&ladder.scan_weak_s}, 0, 3600},
                                    {"weak_dbm", &ladder.weak_dbm, -120, 0}};
    const Map map = read_fields(value, fields, {"ladder", "ratios", "rates"});
    read_pairs(map, "ladder", ladder.ladder, &SupplicantLadder::Step::above_dbm, &SupplicantLadder::Step::gain_db);
    read_pairs(map, "ratios", ladder.ratios, &SupplicantLadder::Ratio::ratio, &SupplicantLadder::Ratio::shift_db);
    read_rates(map, ladder.rates);
}

void read_heuristic(const Value& value, const Uplinks& /*uplinks*/, EngineSettings& out) {
    Heuristic::Settings& h = out.heuristic;
    read_fields(value, {{"period", Seconds{&h.period_s}, 0, 3600},
                        {"wlan_floor_dbm", &h.wlan_floor_dbm, -120, 0},
                        {"wlan_ceiling_dbm", &h.wlan_ceiling_dbm, -120, 0},
                        {"cellular_floor_dbm", &h.cellular_floor_dbm, -140, 0},
                        {"cellular_ceiling_dbm", &h.cellular_ceiling_dbm, -140, 0},
                        {"volume_mbps", &h.volume_mbps, 0, 10'000},
                        {"leaning", &h.leaning, 0, 1},
                        {"volume_gain", &h.volume_gain, 0, 1}});
}

void read_manual(const Value& value, const Uplinks& /*uplinks*/, EngineSettings& out) {
    Manual::Settings& manual = out.manual;
    const Map map = read_fields(value,
                                {{"toggle", Seconds{&manual.toggle_s}, 1, 1e6},
                                 {"wlan_at_start", &manual.wlan_at_start},
                                 {"off_when_lost", &manual.off_when_lost}},
                                {"known_domains"});
    const auto domains = map.find("known_domains");
    for (std::size_t i = 0; domains && i < domains->items(); ++i) {
        if (!manual.known_domains.push_back(domain_of(domains->item(i).text(1, 64)))) {
            domains->fail("expected at most 16 domains");
        }
    }
}

void read_handover_engine(const Value& value, const Uplinks& /*uplinks*/, EngineSettings& out) {
    SignalHandover::Settings& h = out.handover;
    read_fields(value, {{"gain", &h.gain, 0.01, 1},
                        {"slope_gain", &h.slope_gain, 0.01, 1},
                        {"leave_dbm", &h.leave_dbm, -120, 0},
                        {"leave", Seconds{&h.leave_s}, 0, 600},
                        {"return_dbm", &h.return_dbm, -120, 0},
                        {"return", Seconds{&h.return_s}, 0, 600},
                        {"slope_dbps", &h.slope_dbps, -100, 0},
                        {"prepare_umts", Seconds{&h.prepare_umts_s}, 0, 60},
                        {"prepare_lte", Seconds{&h.prepare_lte_s}, 0, 60},
                        {"roam_db", &h.roam_db, 0, 60},
                        {"hold_off_max", Seconds{&h.hold_off_max_s}, 0, 3600},
                        {"flap", Seconds{&h.flap_s}, 0, 3600}});
    if (h.return_dbm <= h.leave_dbm) {
        value.fail("return_dbm must be above leave_dbm, or the node oscillates");
    }
}

void read_preference(const Value& value, Preference::Settings& out) {
    const std::vector<Field> fields{{"performance", &out.usual[0], 0, 1},
                                    {"energy", &out.usual[1], 0, 1},
                                    {"offloading", &out.usual[2], 0, 1},
                                    {"continuity", &out.usual[3], 0, 1},
                                    {"step", &out.step, 0, 1},
                                    {"frozen_step", &out.frozen_step, 0, 1},
                                    {"contradictions", &out.contradictions, 1, 64},
                                    {"contradiction", Seconds{&out.contradiction_s}, 1, 86'400},
                                    {"half_life", Seconds{&out.half_life_s}, 1, 1e6},
                                    {"score_scale", &out.score_scale, 0, 1},
                                    {"variance", &out.variance, 1e-6, 1},
                                    {"score_variance", &out.score_variance, 1e-6, 10}};
    const Map map = read_fields(value, fields, {"learning"});
    if (const auto learning = map.find("learning")) {
        out.learning = learning->one_of<Preference::Learning>(
            {{"step", Preference::Learning::step}, {"bayesian", Preference::Learning::bayesian}});
    }
}

void read_closed_loop(const Value& value, const Uplinks& /*uplinks*/, EngineSettings& out) {
    ClosedLoop::Settings& c = out.closed_loop;
    const std::vector<Field> fields{{"gain", &c.gain, 0, 1},
                                    {"wait_max", Seconds{&c.wait_max_s}, 0, 3600},
                                    {"least_mbps", &c.least_mbps, 0.001, 10'000},
                                    {"weak_dbm", &c.weak_dbm, -120, 0},
                                    {"weak_alpha_db", &c.weak_alpha_db, 0, 60},
                                    {"weak_hysteresis_db", &c.weak_hysteresis_db, 0, 60},
                                    {"signal_gain", &c.signal_gain, 0.01, 1},
                                    {"loss_max", &c.loss_max, 0, 1},
                                    {"cancel", Seconds{&c.cancel_s}, 0, 600},
                                    {"rate_gain", &c.rate_gain, 0.01, 1},
                                    {"rate_memory", Seconds{&c.rate_memory_s}, 1, 86'400},
                                    {"signal_penalty", &c.signal_penalty, 0, 1},
                                    {"jump", Seconds{&c.jump_s}, 1, 3600},
                                    {"consequence", Seconds{&c.consequence_s}, 0, 3600},
                                    {"flows_survive", &c.flows_survive}};
    const Map map = read_fields(value, fields, {"preference", "open_weights", "watts", "unknown_app", "rates"});
    read_numbers(map, "open_weights", c.open_weights, 0, 1);
    read_numbers(map, "watts", c.watts, 0, 100);
    read_rates(map, c.rates);
    if (const auto preference = map.find("preference")) {
        read_preference(*preference, c.preference);
    }
    if (const auto app = map.find("unknown_app")) {
        read_fields(*app, {{"time_critical", &c.unknown_app.time_critical},
                           {"mbps", &c.unknown_app.mbps, 0.001, 100'000},
                           {"continuity", &c.unknown_app.continuity, 0, 1}});
    }
}

void read_pmp(const Value& value, const Uplinks& /*uplinks*/, EngineSettings& out) {
    Pmp::Settings& p = out.pmp;
    const std::vector<Field> fields{{"cell_m", &p.model.cell_m, 0.5, 1000},
                                    {"reach_m", &p.model.reach_m, 0.5, 10'000},
                                    {"epsilon_place", &p.model.epsilon_place, 0, 1},
                                    {"epsilon_point", &p.model.epsilon_point, 0, 1},
                                    {"window", &p.model.window, 1, 32},
                                    {"prior_m", &p.model.prior_m, 0.1, 10'000},
                                    {"prior_self", &p.model.prior_self, 0, 1},
                                    {"prior_weight", &p.model.prior_weight, 0, 1e6},
                                    {"keep", &p.model.keep, 0, 1},
                                    {"second_order", &p.model.second_order},
                                    {"turn_m", &p.model.turn_m, 0.5, 10'000},
                                    {"lookahead", &p.lookahead, 1, 10},
                                    {"period", Seconds{&p.period_s}, 0.1, 600},
                                    {"join_dbm", &p.join_dbm, -120, 0},
                                    {"accuracy_m", &p.accuracy_m, 0.1, 10'000},
                                    {"coast_steps", &p.coast_steps, 0, 100},
                                    {"learn_online", &p.learn_online},
                                    {"hysteresis_db", &p.without_position.hysteresis_db, 0, 60}};
    read_fields(value, fields);
}

void read_hybrid(const Value& value, const Uplinks& /*uplinks*/, EngineSettings& out) {
    Hybrid::Settings& h = out.hybrid;
    std::vector<Field> fields{{"alpha", &h.track.alpha, 0.01, 1},
                              {"beta", &h.track.beta, 0, 1},
                              {"gap", Seconds{&h.track.gap_s}, 0.1, 600},
                              {"exponent", &h.path_loss.exponent, 1, 8},
                              {"tx_dbm", &h.path_loss.tx_dbm, -30, 60},
                              {"loss_1m_db", &h.path_loss.loss_1m_db, 0, 120},
                              {"gain", &h.gain, 0.01, 1},
                              {"horizon", Seconds{&h.horizon_s}, 0.5, 120},
                              {"margin", &h.margin, 0, 10},
                              {"dead", Seconds{&h.dead_s}, 0, 60},
                              {"shadow_m", &h.shadow_m, 0.1, 10'000},
                              {"uncertainty_db", &h.uncertainty_db, 0, 30},
                              {"accuracy_m", &h.accuracy_m, 0.1, 10'000},
                              {"fix_most", Seconds{&h.fix_most_s}, 0, 600},
                              {"fix_least", Seconds{&h.fix_least_s}, 0.1, 600},
                              {"fix_error_m", &h.fix_error_m, 0.1, 10'000}};
    for (const Field& field : rate_fields(h.rates)) {
        fields.push_back(field);
    }
    read_fields(value, fields);
}

void read_offers(const Map& map, OfferSettings& out) {
    const auto found = map.find("offers");
    if (!found) {
        return;
    }
    const Map offers =
        read_fields(*found, {{"signal_penalty", &out.signal_penalty, 0, 1}, {"may_switch_off", &out.may_switch_off}},
                    {"usual_mbps", "rates"});
    read_numbers(offers, "usual_mbps", out.usual_mbps, 0.001, 1e6);
    read_rates(offers, out.rates);
}

void read_pareto(const Value& value, const Uplinks& /*uplinks*/, EngineSettings& out) {
    ParetoEngine::Settings& p = out.pareto;
    const Map map = read_fields(value,
                                {{"slack", &p.choice.slack, 0, 1},
                                 {"exact_pairs_with_moves", &p.with_moves.max_pairs, 0, 1e9},
                                 {"exact_pairs", &p.exact.max_pairs, 0, 1e9},
                                 {"branch_nodes", &p.branch.max_nodes, 0, 1e9},
                                 {"population", &p.genetic.population, 2, 1000},
                                 {"parents", &p.genetic.parents, 2, 1000},
                                 {"offspring", &p.genetic.offspring, 2, 1000},
                                 {"generations", &p.genetic.generations, 1, 10'000},
                                 {"crossover", &p.genetic.crossover, 0, 1},
                                 {"mutation", &p.genetic.mutation, 0, 1},
                                 {"distinct", &p.genetic.distinct}},
                                {"choice", "offers"});
    if (const auto choice = map.find("choice")) {
        p.choice.rule = choice->one_of<ChoiceRule>({{"fewest-moves", ChoiceRule::fewest_moves},
                                                    {"least-power", ChoiceRule::least_power},
                                                    {"battery", ChoiceRule::battery},
                                                    {"knee", ChoiceRule::knee}});
    }
    read_offers(map, p.offers);
}

/// Of saw, mew, topsis; `judgements` make the weights of ahp.
void read_madm(const Value& value, const Uplinks& /*uplinks*/, EngineSettings& out) {
    MadmWeights& weights = out.madm.weights;
    const Map map = read_fields(
        value,
        {{"bandwidth", &weights.bandwidth, 0, 1}, {"power", &weights.power, 0, 1}, {"moves", &weights.moves, 0, 1}},
        {"judgements", "offers"});
    read_offers(map, out.madm.offers);
    std::array<double, 3> above{2, 3, 1.5};  // bandwidth over power, bandwidth over moves, power over moves
    read_numbers(map, "judgements", above, 1.0 / 9, 9);
    const auto judge = [&](std::size_t a, std::size_t b, double ratio) {
        out.judgements[a][b] = ratio;
        out.judgements[b][a] = 1 / ratio;
    };
    judge(0, 1, above[0]);
    judge(0, 2, above[1]);
    judge(1, 2, above[2]);
}

constexpr std::array<std::pair<std::string_view, Read>, 11> kSections{{{"static", read_static},
                                                                       {"strongest", read_strongest},
                                                                       {"conventional", read_conventional},
                                                                       {"ladder", read_ladder},
                                                                       {"heuristic", read_heuristic},
                                                                       {"manual", read_manual},
                                                                       {"handover", read_handover_engine},
                                                                       {"closed-loop", read_closed_loop},
                                                                       {"pmp", read_pmp},
                                                                       {"hybrid", read_hybrid},
                                                                       {"pareto", read_pareto}}};

Point read_point(const Value& value) {
    if (!value.is_sequence() || value.items() != 2) {
        value.expected("a place as [metres east, metres north]");
        return {};
    }
    return {value.item(0).real(-1e6, 1e6), value.item(1).real(-1e6, 1e6)};
}

}  // namespace

std::vector<std::string_view> engine_sections() {
    std::vector<std::string_view> names{"weights"};
    for (const auto& [name, read] : kSections) {
        names.push_back(name);
    }
    return names;
}

bool read_engine_section(std::string_view name, const Value& value, const Uplinks& uplinks, EngineSettings& out) {
    if (name == "weights") {
        read_madm(value, uplinks, out);
        return true;
    }
    for (const auto& [known, read] : kSections) {
        if (known == name) {
            read(value, uplinks, out);
            return true;
        }
    }
    return false;
}

SiteMap read_site(const Value& value, const Uplinks& uplinks) {
    SiteMap site;
    const Map map = read_fields(
        value, {{"latitude", &site.latitude, -90, 90}, {"longitude", &site.longitude, -180, 180}}, {"path", "points"});
    const auto path = map.require("path");
    for (std::size_t i = 0; path && i < path->items(); ++i) {
        site.path.push_back(read_point(path->item(i)));
    }
    const auto points = map.require("points");
    for (std::size_t i = 0; points && i < points->items(); ++i) {
        const Value item = points->item(i);
        const Map point{item, {"uplink", "bssid", "at"}};
        AccessPoint read;
        if (const auto uplink = point.require("uplink")) {
            read.key.interface = read_uplink_name(*uplink, uplinks);
        }
        if (const auto bssid = point.find("bssid")) {
            const auto number = bssid_of(bssid->raw());
            if (!number) {
                bssid->expected("an access point such as 02:00:00:00:00:01");
            }
            read.key.bssid = number.value_or(0);
        }
        if (const auto at = point.require("at")) {
            read.place = read_point(*at);
        }
        site.points.push_back(read);
    }
    return site;
}

}  // namespace homeward::config
