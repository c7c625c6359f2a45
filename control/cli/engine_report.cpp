#include <fmt/format.h>

#include "report.h"
#include "words.h"

namespace homeward::cli {
namespace {

using Align = Table::Align;

constexpr std::string_view kWishes[] = {"performance", "energy", "offloading", "continuity"};

std::string reason_text(const Answer& of) {
    return of.text("reason");
}

std::string recent_text(const Answer& engine, const Paint& paint) {
    Table table({Align::left, Align::left, Align::left, Align::left, Align::right},
                {"when", "from", "to", "why", "flows moved"});
    for (const Answer& change : engine.at("recent").items()) {
        table.row({{ago_text(change.number("ago_s").value_or(0))},
                   {change.text("from")},
                   {change.text("to")},
                   {reason_text(change)},
                   {change.text("flows")}});
    }
    return table.text(paint);
}

std::string flows_text(const Answer& engine, const Paint& paint) {
    if (engine.at("flows_reason").present()) {
        return fmt::format("  sees no flows: {}\n", engine.text("flows_reason"));
    }
    Table table({Align::left, Align::right, Align::right, Align::right, Align::left, Align::left},
                {"flow with", "protocol", "port", "Mbit/s", "by", "rule"});
    for (const Answer& flow : engine.at("flows").items()) {
        table.row({{flow.text("correspondent")},
                   {flow.text("protocol")},
                   {flow.text("port")},
                   {fmt::format("{:.2f}", flow.number("mbps").value_or(0))},
                   {flow.text("uplink", "no uplink")},
                   {flow.text("rule", "the default")}});
    }
    return table.text(paint);
}

std::string worth_text(const Answer& consequence, std::string_view key) {
    const double before = consequence.at("before").number(key).value_or(0);
    const double after = consequence.at("after").number(key).value_or(0);
    return fmt::format("  {:<12} {:.2f} -> {:.2f} ({:+.2f})\n", key, before, after, after - before);
}

}  // namespace

std::string preference_report(const Answer& answer, const Paint& paint) {
    const Answer preference = answer.at("preference");
    if (!preference.present()) {
        return "";
    }
    std::string out = fmt::format("{}", paint(Colour::bold, "wanted:"));
    for (const std::string_view wish : kWishes) {
        out += fmt::format(" {} {:.2f}", wish, preference.number(wish).value_or(0));
    }
    return out + "\n";
}

std::string engine_report(const Answer& engine, const Paint& paint) {
    if (!engine.at("engine").present()) {
        return "no engine: the policy's order and the signal's thresholds decide\n";
    }
    std::string out = fmt::format("{} {}, by {} now: {}\n", paint(Colour::green, "engine:"), engine.text("engine"),
                                  engine.text("serving", "no uplink"), reason_text(engine));
    out += fmt::format("  {}, {}; a decision takes {:.0f} us, p99 {:.0f}, at most {:.0f}\n",
                       count_text(engine.count("decisions"), "decision"), count_text(engine.count("changes"), "change"),
                       engine.number("decision_p50_us").value_or(0), engine.number("decision_p99_us").value_or(0),
                       engine.number("decision_max_us").value_or(0));
    return out + preference_report(engine, paint) + flows_text(engine, paint) + recent_text(engine, paint);
}

std::string consequences_report(const Answer& consequences, const Paint& paint) {
    const Answer last = consequences.at("consequence");
    if (!last.present()) {
        return "no handover yet\n" + preference_report(consequences, paint);
    }
    std::string out = fmt::format("{} {} -> {}, {}, {}\n", paint(Colour::green, "handover:"), last.text("from", "none"),
                                  last.text("to"), ago_text(last.number("ago_s").value_or(0)),
                                  last.is("measured") ? "as measured since" : "as expected");
    for (const std::string_view key : {"performance", "energy", "cost"}) {
        out += worth_text(last, key);
    }
    return out + preference_report(consequences, paint);
}

}  // namespace homeward::cli
