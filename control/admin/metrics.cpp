#include "admin/metrics.h"

#include <fmt/format.h>

namespace homeward::admin {

namespace {

std::string metric_name(std::string_view text) {
    std::string name(text);
    for (char& c : name) {
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) {
            c = '_';
        }
    }
    return name;
}

/// Inside a help line or a label's quotes: backslash, newline and (in quotes) the quote.
std::string escaped(std::string_view text, bool quoted) {
    std::string out;
    for (const char c : text) {
        if (c == '\\') {
            out += "\\\\";
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '"' && quoted) {
            out += "\\\"";
        } else {
            out.push_back(c);
        }
    }
    return out;
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view help, MetricType type) {
    family_ = metric_name(name);
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", family_, escaped(help, false), family_,
                         type == MetricType::counter ? "counter" : "gauge");
}

void MetricsText::begin_sample(Labels labels) {
    text_ += family_;
    char separator = '{';
    for (const auto& [name, value] : labels) {
        text_ += fmt::format("{}{}=\"{}\"", separator, metric_name(name), escaped(value, true));
        separator = ',';
    }
    if (labels.size() > 0) {
        text_ += '}';
    }
}

void MetricsText::sample(Labels labels, std::uint64_t value) {
    begin_sample(labels);
    text_ += fmt::format(" {}\n", value);
}

void MetricsText::sample(Labels labels, double value) {
    begin_sample(labels);
    text_ += fmt::format(" {}\n", value);
}

}  // namespace homeward::admin
