#include "config/file_kind.h"

#include "config/home_agent.h"
#include "config/mobile_node.h"
#include "config/policy_file.h"
#include "value.h"

namespace homeward::config {
namespace {

std::string count(std::size_t n, const char* noun) {
    return std::to_string(n) + ' ' + noun + (n == 1 ? "" : "s");
}

Result<std::string> check_home_agent(const std::filesystem::path& file) {
    const auto read = load_home_agent(file);
    if (!read) {
        return read.error();
    }
    return "home agent " + read->address.to_string() + ": " + count(read->ports.size(), "port") + ", " +
           count(read->home_networks.size(), "home network") + ", " + count(read->nodes.size(), "node");
}

Result<std::string> check_mobile_node(const std::filesystem::path& file) {
    const auto read = load_mobile_node(file);
    if (!read) {
        return read.error();
    }
    return "mobile node " + (read->nai.empty() ? read->home_address->to_string() : read->nai) + ": " +
           count(read->uplinks.size(), "uplink") + ", policy of " + count(read->policy.policy.rules.size(), "rule");
}

Result<std::string> check_policy(const std::filesystem::path& file) {
    const auto names = uplinks_named_in(file);
    if (!names) {
        return names.error();
    }
    const auto read = load_policy(file, *names);
    if (!read) {
        return read.error();
    }
    std::string uplinks;
    for (const policy::Label label : read->policy.fallback) {
        for (const auto& [name, number] : *names) {
            uplinks += number == label ? (uplinks.empty() ? "" : ", ") + name : "";
        }
    }
    return "policy of " + count(read->policy.rules.size(), "rule") + "; default " + uplinks;
}

}  // namespace

Result<FileKind> recognise(const std::filesystem::path& file) {
    const auto document = Document::load(file);
    if (!document) {
        return document.error();
    }
    Report report;
    const Value root{*document, report};
    if (!root.is_map()) {
        root.expected("a map");
        return report.error();
    }
    for (const auto& [key, value] : Map::named(root)) {
        if (key == "home_agent") {
            return FileKind::home_agent;
        }
        if (key == "node") {
            return FileKind::mobile_node;
        }
        if (key == "default" || key == "rules") {
            return FileKind::policy;
        }
    }
    return root.error("expected home_agent (a home agent), node (a mobile node) or default (a policy) at the top");
}

Result<std::string> check(const std::filesystem::path& file) {
    const auto kind = recognise(file);
    if (!kind) {
        return kind.error();
    }
    switch (*kind) {
        case FileKind::home_agent:
            return check_home_agent(file);
        case FileKind::mobile_node:
            return check_mobile_node(file);
        case FileKind::policy:
            break;
    }
    return check_policy(file);
}

}  // namespace homeward::config
