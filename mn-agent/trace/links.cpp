#include "trace/links.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "fields.h"
#include "json_lines.h"
#include "trace/table.h"

namespace homeward::trace {
namespace {

std::vector<std::string> known_columns() {
    std::vector<std::string> columns{"t_s", "iface", "tech", "bssid", "domain", "connected", "event"};
    for (const auto& field : kLinkFields) {
        columns.emplace_back(field.name);
    }
    for (const auto& field : kDeviceFields) {
        columns.emplace_back(field.name);
    }
    return columns;
}

Link link_of(Row& row) {
    Link link;
    link.line = row.line();
    link.interface = row.text("iface");
    if (link.interface.empty()) {
        row.fail("iface", "must name an interface");
    }
    if (const std::string_view word = row.text("tech"); !word.empty()) {
        link.technology = technology_of(word);
        if (link.technology == Technology::unknown) {
            row.fail("tech", "is none of wlan, umts, lte, nr, eth");
        }
    }
    link.bssid = row.text("bssid");
    link.domain = row.text("domain");
    link.event = row.text("event");
    link.connected = row.truth("connected");
    for (const auto& field : kLinkFields) {
        link.*field.member = row.number(field.name, field.limits);
    }
    return link;
}

/// The node's own columns stand in every row of a moment, or in one of them.
void read_device(Device& device, Row& row) {
    for (const auto& field : kDeviceFields) {
        const std::optional<double> value = row.number(field.name, field.limits);
        std::optional<double>& held = device.*field.member;
        if (value && held && *value != *held) {
            row.fail(field.name, "differs from an earlier row of the same time");
        }
        held = value ? value : held;
    }
}

Result<Trace> parse_csv(std::string_view name, std::string_view text) {
    const Result<Table> table = Table::parse(name, text, known_columns(), {"t_s", "iface"});
    if (!table) {
        return table.error();
    }
    Trace trace;
    for (Row& row : table->rows()) {
        const std::optional<double> t = row.number("t_s", kTime);
        if (!t && row.error().empty()) {
            row.fail("t_s", "must be a time");
        }
        if (row.error().empty() && (trace.moments.empty() || trace.moments.back().t_s != *t)) {
            if (!trace.moments.empty() && *t < trace.moments.back().t_s) {
                row.fail("t_s", "is before the row above");
            }
            trace.moments.push_back({*t, {}, {}});
        }
        Link link = link_of(row);
        if (row.error().empty()) {
            read_device(trace.moments.back().device, row);
            if (const Link* twin = twin_of(link, trace.moments.back().links)) {
                row.fail("iface", "has the same time and bssid in line " + std::to_string(twin->line));
            }
        }
        if (!row.error().empty()) {
            return table->error(row.line(), row.error());
        }
        trace.moments.back().links.push_back(std::move(link));
    }
    return trace;
}

}  // namespace

const Link* twin_of(const Link& link, const std::vector<Link>& links) noexcept {
    const auto found = std::find_if(links.begin(), links.end(), [&](const Link& other) {
        return other.interface == link.interface && other.bssid == link.bssid;
    });
    return found == links.end() ? nullptr : &*found;
}

namespace {
constexpr std::array<std::pair<std::string_view, Technology>, 5> kTechnologies{{{"wlan", Technology::wlan},
                                                                                {"umts", Technology::umts},
                                                                                {"lte", Technology::lte},
                                                                                {"nr", Technology::nr},
                                                                                {"eth", Technology::ethernet}}};
}  // namespace

Technology technology_of(std::string_view word) noexcept {
    for (const auto& [text, technology] : kTechnologies) {
        if (text == word) {
            return technology;
        }
    }
    return Technology::unknown;
}

std::string_view name(Technology technology) noexcept {
    for (const auto& [text, value] : kTechnologies) {
        if (value == technology) {
            return text;
        }
    }
    return "unknown";
}

Result<Trace> parse_links(std::string_view name, std::string_view text) {
    return text.starts_with('{') ? parse_json_lines(name, text) : parse_csv(name, text);
}

Result<Trace> load_links(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (!stream) {
        return Error{file.string() + ": cannot be read"};
    }
    return parse_links(file.string(), text);
}

}  // namespace homeward::trace
