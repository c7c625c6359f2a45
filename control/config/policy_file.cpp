#include "config/policy_file.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <utility>

#include "policy/table.h"
#include "policy_reader.h"

namespace homeward::config {
namespace {

using policy::LabelList;
using policy::Rule;

struct NamedProtocol {
    std::string_view name;
    std::uint8_t number;
    bool ports;
};
constexpr std::array kProtocols{
    NamedProtocol{"icmp", 1, false}, NamedProtocol{"tcp", 6, true},    NamedProtocol{"udp", 17, true},
    NamedProtocol{"dccp", 33, true}, NamedProtocol{"sctp", 132, true}, NamedProtocol{"udplite", 136, true},
};

std::uint8_t read_protocol(const Value& value) {
    for (const NamedProtocol& protocol : kProtocols) {
        if (value.raw() == protocol.name) {
            return protocol.number;
        }
    }
    const auto number = whole<std::uint8_t>(value.raw());
    if (!number || *number == policy::kAnyProtocol) {
        value.expected("icmp, tcp, udp, dccp, sctp, udplite or a number from 1 to 255");
        return policy::kAnyProtocol;
    }
    return *number;
}

policy::PortRange read_ports(const Value& value, std::uint8_t protocol) {
    bool has_ports = false;
    for (const NamedProtocol& named : kProtocols) {
        has_ports = has_ports || (named.ports && named.number == protocol);
    }
    if (!has_ports) {
        value.fail("ports need a protocol that has them: tcp, udp, dccp, sctp or udplite");
        return {};
    }
    const std::string_view text = value.raw();
    const std::size_t dash = text.find('-');
    const auto first = whole<std::uint16_t>(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : whole<std::uint16_t>(text.substr(dash + 1));
    if (!first || !last || *first > *last) {
        value.expected("a port or a range such as 5000-5999");
        return {};
    }
    return {*first, *last};
}

LabelList read_uplinks(const Value& value, const UplinkNames& uplinks) {
    LabelList labels;
    const std::size_t count = value.items();
    if (count == 0) {
        value.expected("a list of uplinks, at least one");
    }
    for (std::size_t i = 0; i < count; ++i) {
        const Value item = value.item(i);
        const auto found = uplinks.find(std::string{item.raw()});
        if (found == uplinks.end()) {
            std::string names;
            for (const auto& [name, label] : uplinks) {
                names += (names.empty() ? "" : ", ") + name;
            }
            item.expected(names.empty() ? "an uplink, of which none is configured" : "an uplink (" + names + ")");
        } else if (!labels.push_back(found->second)) {
            item.fail(labels.contains(found->second)
                          ? "this uplink stands in the list before"
                          : "expected at most " + std::to_string(policy::kMaxUplinks) + " uplinks");
        }
    }
    return labels;
}

const std::initializer_list<std::string_view> kRuleKeys{"name", "correspondent", "protocol", "ports",  "prefer",
                                                        "only", "drop",          "mode",     "weights"};

/// One weight for each uplink that the rule itself names, which are the first so many of its list.
void read_weights(const Value& value, const UplinkNames& uplinks, std::size_t named, Rule& rule) {
    rule.weights = {};
    for (const auto& [name, written] : Map::named(value)) {
        const auto found = uplinks.find(name);
        const auto* const end = rule.uplinks.begin() + named;
        const auto* const place = found == uplinks.end() ? end : std::find(rule.uplinks.begin(), end, found->second);
        if (place == end) {
            written.fail("not among the uplinks that this rule names");
            return;
        }
        rule.weights.set(static_cast<std::size_t>(place - rule.uplinks.begin()),
                         written.number<unsigned>(1, policy::Weights::kMax));
    }
    for (std::size_t i = 0; i < named; ++i) {
        if (rule.weights[i] == 0) {
            value.fail("expected a weight for each uplink that this rule names");
        }
    }
}

/// `named`: how many uplinks the rule itself names; those that only `default` has are the reserve.
void read_mode(const Map& map, const UplinkNames& uplinks, std::size_t named, Rule& rule) {
    const auto mode = map.find("mode");
    const auto weights = map.find("weights");
    using enum policy::Mode;
    rule.mode =
        mode ? mode->one_of<policy::Mode>({{"prefer", prefer}, {"spread", spread_by_rate}, {"redundant", redundant}})
             : prefer;
    if (rule.mode != prefer && named == 0) {
        mode->fail("a rule that drops uses no uplinks");
    } else if (rule.mode == redundant && rule.uplinks.size() < 2) {
        mode->fail("a second uplink is needed to send packets by two");
    } else if (weights && rule.mode != spread_by_rate) {
        weights->fail("weights need \"mode: spread\"");
    }
    if (rule.mode != spread_by_rate) {
        return;
    }
    rule.mode = weights ? spread : spread_by_rate;
    for (std::size_t i = 0; i < named; ++i) {
        rule.weights.set(i, 1);
    }
    if (weights) {
        read_weights(*weights, uplinks, named, rule);
    }
}

/// How many uplinks the rule itself names.
std::size_t read_choice(const Map& map, const UplinkNames& uplinks, const LabelList& fallback, Rule& rule) {
    const auto prefer = map.find("prefer");
    const auto only = map.find("only");
    const auto drop = map.find("drop");
    if ((prefer ? 1 : 0) + (only ? 1 : 0) + (drop ? 1 : 0) != 1) {
        map.value().fail("expected one of prefer, only, drop");
        return 0;
    }
    if (drop) {
        if (drop->raw() != "true") {
            drop->expected("true");
        }
        return 0;
    }
    rule.uplinks = read_uplinks(only ? *only : *prefer, uplinks);
    const std::size_t named = rule.uplinks.size();
    for (std::size_t i = 0; prefer && i < fallback.size(); ++i) {
        rule.uplinks.push_back(fallback[i]);
    }
    return named;
}

void read_rule(const Value& value, const UplinkNames& uplinks, PolicyFile& out) {
    const Map map{value, kRuleKeys};
    Rule rule;
    if (const auto correspondent = map.require("correspondent")) {
        rule.correspondent = correspondent->prefix();
    }
    if (const auto protocol = map.find("protocol")) {
        rule.protocol = read_protocol(*protocol);
    }
    if (const auto ports = map.find("ports")) {
        rule.ports = read_ports(*ports, rule.protocol);
    }
    read_mode(map, uplinks, read_choice(map, uplinks, out.policy.fallback, rule), rule);
    const auto name = map.find("name");
    out.names.push_back(name ? name->text(1, 64) : std::string{});
    out.policy.rules.push_back(rule);
}

/// More candidates at one place than a table holds: found here, where the file can be named.
void check_compiles(const Value& value, const PolicyFile& read) {
    if (value.report().failed()) {
        return;
    }
    if (const auto table = policy::Table::compile(read.policy); !table) {
        value.fail(table.error().text);
    }
}

Result<PolicyFile> read_document(Result<Document> document, const std::filesystem::path& file,
                                 const UplinkNames& uplinks) {
    if (!document) {
        return document.error();
    }
    Report report;
    PolicyFile read = read_policy(Value{*document, report}, uplinks);
    if (report.failed()) {
        return report.error();
    }
    read.file = file;
    return read;
}

void number_names(const Value& list, UplinkNames& names) {
    for (std::size_t i = 0; list.is_sequence() && i < list.items() && names.size() < 255; ++i) {
        names.try_emplace(std::string{list.item(i).raw()}, static_cast<policy::Label>(names.size() + 1));
    }
}

}  // namespace

PolicyFile read_policy(const Value& value, const UplinkNames& uplinks) {
    PolicyFile out;
    const Map map{value, {"default", "rules"}};
    if (const auto fallback = map.require("default")) {
        out.policy.fallback = read_uplinks(*fallback, uplinks);
    }
    if (const auto rules = map.find("rules")) {
        const std::size_t count = rules->items();
        out.policy.rules.reserve(count);
        out.names.reserve(count);
        for (std::size_t i = 0; i < count && !value.report().failed(); ++i) {
            read_rule(rules->item(i), uplinks, out);
        }
    }
    check_compiles(value, out);
    return out;
}

PolicyFile read_policy_or_file(const Value& value, const UplinkNames& uplinks) {
    if (value.is_map()) {
        PolicyFile read = read_policy(value, uplinks);
        read.file = value.file();
        return read;
    }
    const std::filesystem::path written = value.text();
    if (written.empty()) {
        return {};
    }
    const auto file = std::filesystem::path{value.file()}.parent_path() / written;
    auto document = Document::load(file);
    if (!document && !std::filesystem::is_regular_file(file)) {
        value.fail(document.error().text);
        return {};
    }
    auto read = read_document(std::move(document), file, uplinks);
    if (!read) {
        value.report().fail(read.error());
        return {};
    }
    return *std::move(read);
}

Result<PolicyFile> load_policy(const std::filesystem::path& file, const UplinkNames& uplinks) {
    return read_document(Document::load(file), file, uplinks);
}

Result<PolicyFile> parse_policy(const std::filesystem::path& file, std::string_view text, const UplinkNames& uplinks) {
    return read_document(Document::parse(file.string(), text), file, uplinks);
}

Result<UplinkNames> uplinks_named_in(const std::filesystem::path& file) {
    const auto document = Document::load(file);
    if (!document) {
        return document.error();
    }
    Report report;  // what is wrong is said by reading it as a policy
    const Value root{*document, report};
    UplinkNames names;
    const Map map{root, {"default", "rules"}};
    if (const auto fallback = map.find("default")) {
        number_names(*fallback, names);
    }
    const auto rules = map.find("rules");
    for (std::size_t i = 0; rules && rules->is_sequence() && i < rules->items(); ++i) {
        const Value rule = rules->item(i);
        const Map keys{rule, kRuleKeys};
        for (const char* key : {"prefer", "only"}) {
            if (const auto list = keys.find(key)) {
                number_names(*list, names);
            }
        }
    }
    return names;
}

}  // namespace homeward::config
