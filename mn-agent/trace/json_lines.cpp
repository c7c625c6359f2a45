#include "json_lines.h"

#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "fields.h"

namespace homeward::trace {
namespace {

using nlohmann::json;

/// What is wrong with one line; caught where the line is known.
class Refused : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

void expect_object(const json& value, const char* what) {
    if (!value.is_object()) {
        throw Refused(std::string(what) + " is not an object");
    }
}

std::optional<double> number(const json& object, std::string_view key, Limits limits) {
    const auto found = object.find(std::string(key));
    if (found == object.end() || found->is_null()) {
        return std::nullopt;
    }
    const double value = found->is_number() ? found->get<double>() : std::nan("");
    if (!std::isfinite(value)) {
        throw Refused(std::string(key) + " " + found->dump() + " is not a finite number");
    }
    if (value < limits.least || value > limits.most) {
        throw Refused(std::string(key) + " " + found->dump() + " is out of range");
    }
    return value;
}

std::string text(const json& object, std::string_view key) {
    const auto found = object.find(std::string(key));
    if (found == object.end() || found->is_null()) {
        return "";
    }
    if (!found->is_string()) {
        throw Refused(std::string(key) + " " + found->dump() + " is not a text");
    }
    return found->get<std::string>();
}

template <class Fields>
bool is_one_of(const std::string& key, std::initializer_list<std::string_view> words, const Fields& fields) {
    const auto same = [&](std::string_view word) { return word == key; };
    return std::any_of(words.begin(), words.end(), same) ||
           std::any_of(fields.begin(), fields.end(), [&](const auto& field) { return same(field.name); });
}

template <class Fields>
void expect_keys(const json& object, std::initializer_list<std::string_view> words, const Fields& fields) {
    for (const auto& [key, value] : object.items()) {
        if (!is_one_of(key, words, fields)) {
            throw Refused("unknown key \"" + key + "\"");
        }
    }
}

constexpr std::array<Field<Link>, 0> kNone{};

Link link_of(const json& object, unsigned line) {
    expect_object(object, "a link");
    expect_keys(object, {"iface", "tech", "bssid", "domain", "connected", "event"}, kLinkFields);
    Link link;
    link.line = line;
    link.interface = text(object, "iface");
    if (link.interface.empty()) {
        throw Refused("a link has no iface");
    }
    if (const std::string word = text(object, "tech"); !word.empty()) {
        link.technology = technology_of(word);
        if (link.technology == Technology::unknown) {
            throw Refused("tech \"" + word + "\" is none of wlan, umts, lte, nr, eth");
        }
    }
    link.bssid = text(object, "bssid");
    link.domain = text(object, "domain");
    link.event = text(object, "event");
    if (object.contains("connected") && object["connected"].is_boolean()) {
        link.connected = object["connected"].get<bool>();
    } else if (const auto value = number(object, "connected", {0, 1})) {
        if (*value != 0 && *value != 1) {
            throw Refused("connected is neither 0 nor 1");
        }
        link.connected = *value == 1;
    }
    for (const auto& field : kLinkFields) {
        link.*field.member = number(object, field.name, field.limits);
    }
    return link;
}

Moment moment_of(const json& object, unsigned line) {
    expect_object(object, "the line");
    expect_keys(object, {"t", "pos", "dev", "links"}, kNone);
    const auto t = number(object, "t", kTime);
    if (!t) {
        throw Refused("t is missing");
    }
    Moment moment{*t, {}, {}};
    for (const char* part : {"pos", "dev"}) {
        const json& values = object.contains(part) ? object[part] : json::object();
        expect_object(values, part);
        expect_keys(values, {}, kDeviceFields);
        for (const auto& field : kDeviceFields) {
            const auto value = number(values, field.name, field.limits);
            moment.device.*field.member = value ? value : moment.device.*field.member;
        }
    }
    if (!object.contains("links") || !object["links"].is_array()) {
        throw Refused("links is not a list");
    }
    for (const json& each : object["links"]) {
        Link link = link_of(each, line);
        if (twin_of(link, moment.links) != nullptr) {
            throw Refused("iface \"" + link.interface + "\" is there twice with the same bssid");
        }
        moment.links.push_back(std::move(link));
    }
    return moment;
}

}  // namespace

Result<Trace> parse_json_lines(std::string_view name, std::string_view text) {
    Trace trace;
    for (unsigned number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.empty() || line == "\r") {
            continue;
        }
        try {
            Moment moment = moment_of(json::parse(line), number);
            if (!trace.moments.empty() && moment.t_s <= trace.moments.back().t_s) {
                throw Refused("t is not after the line above");
            }
            trace.moments.push_back(std::move(moment));
        } catch (const Refused& refused) {
            return Error{std::string(name) + ":" + std::to_string(number) + ": " + refused.what()};
        } catch (const json::exception&) {
            return Error{std::string(name) + ":" + std::to_string(number) + ": is not valid JSON"};
        }
    }
    return trace;
}

}  // namespace homeward::trace
