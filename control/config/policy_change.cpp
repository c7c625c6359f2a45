#include "config/policy_change.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/rule_code.h"

namespace homeward::config {
namespace {

std::string key_of(const policy::Rule& rule) {
    wire::Bytes bytes;
    wire::Writer out{bytes};
    policy::write_rule(out, rule);
    return {bytes.begin(), bytes.end()};
}

using Counts = std::unordered_map<std::string, std::size_t>;

Counts count(const policy::Policy& policy) {
    Counts counts;
    counts.reserve(policy.rules.size());
    for (const policy::Rule& rule : policy.rules) {
        ++counts[key_of(rule)];
    }
    return counts;
}

/// The rules of `policy` that `other` has too, in order.
std::vector<policy::Rule> shared(const policy::Policy& policy, Counts other) {
    std::vector<policy::Rule> rules;
    for (const policy::Rule& rule : policy.rules) {
        const auto found = other.find(key_of(rule));
        if (found != other.end() && found->second > 0) {
            --found->second;
            rules.push_back(rule);
        }
    }
    return rules;
}

}  // namespace

PolicyChange compare(const policy::Policy& from, const policy::Policy& to) {
    PolicyChange change;
    change.fallback = !(from.fallback == to.fallback);
    if (from.rules == to.rules) {
        return change;
    }
    const auto kept_from = shared(from, count(to));
    const auto kept_to = shared(to, count(from));
    change.added = to.rules.size() - kept_to.size();
    change.removed = from.rules.size() - kept_from.size();
    change.reordered = kept_from != kept_to;
    return change;
}

std::string describe(const PolicyChange& change) {
    std::string text;
    const auto say = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
    const auto rules = [&](std::size_t n, const char* what) {
        say(std::to_string(n) + (n == 1 ? " rule " : " rules ") + what);
    };
    if (change.added != 0) {
        rules(change.added, "added");
    }
    if (change.removed != 0) {
        rules(change.removed, "removed");
    }
    if (change.reordered) {
        say("order changed");
    }
    if (change.fallback) {
        say("default changed");
    }
    return text.empty() ? "no change" : text;
}

}  // namespace homeward::config
