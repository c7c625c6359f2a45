#include "session.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <mutex>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "admin/message.h"
#include "answer.h"
#include "config/file_kind.h"
#include "replay.h"
#include "report.h"

namespace homeward::cli {

using nlohmann::json;

namespace {

using Report = std::string (*)(const Answer&, const Paint&);
struct Subject {
    std::string_view name;
    Report report;
};
constexpr Subject kSubjects[] = {
    {"bindings", bindings_report}, {"uplinks", uplinks_report},           {"policy", policy_report},
    {"engine", engine_report},     {"consequences", consequences_report}, {"drops", drops_report},
    {"stats", stats_report}};

/// "14:03:07.120".
std::string local_time(double unix_seconds) {
    const auto whole = static_cast<std::time_t>(std::floor(unix_seconds));
    std::tm local{};
    ::localtime_r(&whole, &local);
    return fmt::format("{:%H:%M:%S}.{:03d}", local, static_cast<int>((unix_seconds - std::floor(unix_seconds)) * 1000));
}

json parsed(const Result<admin::ClientReply>& reply) {
    return reply && reply->status == 200 ? json::parse(reply->body, nullptr, false) : json();
}

}  // namespace

std::string target(std::string_view path, const std::vector<std::pair<std::string_view, std::string>>& parameters) {
    std::string out(path);
    char separator = '?';
    for (const auto& [name, value] : parameters) {
        if (!value.empty()) {
            out += fmt::format("{}{}={}", separator, name, admin::percent_encode(value));
            separator = '&';
        }
    }
    return out;
}

Session::Session(Options options, const Surroundings& surroundings)
    : options_(std::move(options)), around_(surroundings), paint_(surroundings.colour && !options_.json) {}

int Session::complain(std::string_view text) const {
    around_.err << "homeward: " << text << '\n';
    return kFailure;
}

bool Session::find() {
    const std::string& named = options_.socket.empty() ? around_.socket : options_.socket;
    auto found =
        find_daemons(named.empty() ? std::nullopt : std::optional<std::filesystem::path>(named), around_.usual);
    if (!found) {
        complain(found.error().text);
        return false;
    }
    daemons_ = std::move(*found);
    return true;
}

bool Session::find_node() {
    if (!find()) {
        return false;
    }
    std::erase_if(daemons_, [](const Daemon& daemon) { return daemon.role != "mobile-node"; });
    if (daemons_.empty()) {
        complain(
            "only a mobile node has uplinks of its own, and what answers is a home agent: "
            "name homeward-mn's socket with --socket");
    }
    return !daemons_.empty();
}

int Session::print(const Daemon& daemon, const Result<admin::ClientReply>& reply,
                   const std::function<std::string(const json&)>& report) const {
    if (!reply) {
        return complain(reply.error().text);
    }
    if (reply->status != 200) {
        return complain(daemon.name() + ": " + admin::error_text(reply->body));
    }
    if (options_.json) {
        around_.out << reply->body << (reply->body.ends_with('\n') ? "" : "\n");
        return kSuccess;
    }
    const json document = json::parse(reply->body, nullptr, false);
    if (!document.is_object()) {
        return complain(daemon.name() + ": its answer is not JSON; are command and daemon of one release?");
    }
    around_.out << report(document);
    return kSuccess;
}

int Session::show() {
    if (!find()) {
        return kFailure;
    }
    if (!options_.subject.empty()) {
        return show_subject();
    }
    return options_.json ? show_everything_as_json() : show_everything();
}

int Session::show_everything() {
    bool first = true;
    for (const Daemon& daemon : daemons_) {
        const json status = json::parse(daemon.status, nullptr, false);
        const json bindings = parsed(daemon.client.get("/v1/bindings"));
        const json uplinks = parsed(daemon.client.get("/v1/uplinks"));
        const json policy = parsed(daemon.client.get("/v1/policy"));
        around_.out << (first ? "" : "\n")
                    << overview_report({.status = Answer(&status),
                                        .bindings = Answer(&bindings),
                                        .uplinks = Answer(&uplinks),
                                        .policy = Answer(&policy)},
                                       around_.now_unix(), paint_);
        first = false;
    }
    return kSuccess;
}

int Session::show_everything_as_json() {
    json everything = json::object();
    for (const Daemon& daemon : daemons_) {
        json& side = everything[daemon.role];
        side["status"] = json::parse(daemon.status, nullptr, false);
        for (const char* subject : {"bindings", "uplinks", "policy"}) {
            const json answer = parsed(daemon.client.get(std::string("/v1/") + subject));
            if (answer.is_object()) {
                side[subject] = answer;
            }
        }
    }
    around_.out << everything.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
    return kSuccess;
}

int Session::show_subject() {
    const auto* subject = std::find_if(std::begin(kSubjects), std::end(kSubjects),
                                       [this](const Subject& candidate) { return candidate.name == options_.subject; });
    const std::string path =
        target("/v1/" + options_.subject, {{"all", options_.all ? "1" : ""}, {"node", options_.node}});
    int status = kSuccess;
    std::size_t answered = 0;
    for (const Daemon& daemon : daemons_) {
        const auto reply = daemon.client.get(path);
        if (reply && reply->status == 404 && daemons_.size() > 1) {
            continue;  // the other side's subject
        }
        if (reply && reply->status == 404 && (options_.subject == "engine" || options_.subject == "consequences")) {
            return complain(daemon.name() +
                            ": only a mobile node has an engine: name homeward-mn's socket with --socket");
        }
        if (reply && reply->status == 404 && options_.subject == "bindings") {
            return complain(daemon.name() + ": bindings are held by the home agent; here `homeward show uplinks`");
        }
        if (daemons_.size() > 1 && !options_.json) {
            around_.out << (answered == 0 ? "" : "\n") << paint_(Colour::bold, daemon.name()) << '\n';
        }
        ++answered;
        const int printed =
            print(daemon, reply, [&](const json& document) { return subject->report(Answer(&document), paint_); });
        status = std::max(status, printed);
    }
    return answered == 0 ? complain("no daemon here knows " + path) : status;
}

int Session::route() {
    if (!find()) {
        return kFailure;
    }
    // On a machine with both sides the node's own decision is meant, unless a node is named to the home agent.
    const std::string_view wanted = options_.node.empty() ? "mobile-node" : "home-agent";
    const auto chosen = std::find_if(daemons_.begin(), daemons_.end(),
                                     [wanted](const Daemon& daemon) { return daemon.role == wanted; });
    const Daemon& daemon = chosen == daemons_.end() ? daemons_.front() : *chosen;
    const auto reply =
        daemon.client.get(target("/v1/route", {{"to", options_.address},
                                               {"protocol", options_.protocol},
                                               {"port", options_.port < 0 ? "" : std::to_string(options_.port)},
                                               {"node", options_.node}}));
    return print(daemon, reply, [this](const json& document) { return route_report(Answer(&document), paint_); });
}

int Session::check() {
    const auto checked = config::check(options_.file);
    if (!checked) {
        return complain(checked.error().text);
    }
    if (options_.json) {
        around_.out << json{{"file", options_.file}, {"ok", true}, {"summary", *checked}}.dump() << '\n';
    } else {
        around_.out << options_.file << ": ok, " << *checked << '\n';
    }
    return kSuccess;
}

int Session::reload() {
    if (!find()) {
        return kFailure;
    }
    int status = kSuccess;
    for (const Daemon& daemon : daemons_) {
        const auto reply = daemon.client.post("/v1/reload", "{}");
        status = std::max(status, print(daemon, reply, [&](const json& document) {
                              return reload_report(Answer(&document), daemon.name());
                          }));
    }
    return status;
}

int Session::uplink() {
    if (!find_node()) {
        return kFailure;
    }
    const Daemon& daemon = daemons_.front();
    const auto reply = daemon.client.post("/v1/uplinks/" + admin::percent_encode(options_.uplink),
                                          json{{"action", options_.action}}.dump());
    return print(daemon, reply, [this](const json& document) {
        const std::string state = Answer(&document).text("state");
        return fmt::format("uplink {}: {}\n", options_.uplink, paint_(state_colour(state), state));
    });
}

namespace {

/// "performance=+1" as a member of `out`; false: it is not so.
bool take_score(const std::string& text, json& out) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
        return false;
    }
    const char* first = text.data() + equals + 1;
    const char* last = text.data() + text.size();
    first += first != last && *first == '+' ? 1 : 0;
    double value = 0;
    const auto [end, error] = std::from_chars(first, last, value);
    out[text.substr(0, equals)] = value;
    return error == std::errc{} && end == last;
}

}  // namespace

int Session::feedback() {
    json scores = json::object();
    for (const std::string& text : options_.scores) {
        if (!take_score(text, scores)) {
            return complain("\"" + text + "\": a score is written NAME=NUMBER, such as performance=+1");
        }
    }
    if (!find_node()) {
        return kFailure;
    }
    const Daemon& daemon = daemons_.front();
    return print(daemon, daemon.client.post("/v1/feedback", scores.dump()),
                 [this](const json& document) { return preference_report(Answer(&document), paint_); });
}

int Session::replay() {
    return replay_trace(options_, around_);
}

int Session::monitor() {
    if (!find()) {
        return kFailure;
    }
    const bool several = daemons_.size() > 1;
    std::vector<int> results(daemons_.size(), kFailure);
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < daemons_.size(); ++i) {
        others.emplace_back([&, i] { results[i] = follow(daemons_[i], several); });
    }
    results[0] = follow(daemons_[0], several);
    for (std::thread& other : others) {
        other.join();
    }
    return *std::max_element(results.begin(), results.end());
}

int Session::follow(const Daemon& daemon, bool prefix) const {
    static std::mutex writing;
    const Status ended = daemon.client.stream("/v1/events", [&](std::string_view line) {
        const std::lock_guard lock(writing);
        const json event = json::parse(line, nullptr, false);
        if (options_.json) {
            around_.out << line << '\n';
        } else if (event.is_object()) {
            const double time = Answer(&event).number("time_unix").value_or(around_.now_unix());
            around_.out << (prefix ? daemon.name() + "  " : "")
                        << event_report(Answer(&event), local_time(time), paint_);
        }
        around_.out.flush();
        return around_.out.good();
    });
    const std::lock_guard lock(writing);
    return ended ? kSuccess : complain(ended.error().text);
}

}  // namespace homeward::cli
