#include "trace/flows.h"

#include <fstream>
#include <iterator>
#include <set>

#include "trace/table.h"

namespace homeward::trace {
namespace {

constexpr Limits kSeconds{0, 1e9};
constexpr Limits kBusy{1e-3, 1e6};

Flow flow_of(Row& row) {
    Flow flow;
    const auto required = [&](std::string_view column, Limits limits) {
        const auto value = row.number(column, limits);
        if (!value && row.error().empty()) {
            row.fail(column, "must be a number");
        }
        return value.value_or(0);
    };
    flow.id = static_cast<std::uint32_t>(required("id", {0, 4294967295.0}));
    flow.start_s = required("t_start", kSeconds);
    flow.end_s = required("t_end", kSeconds);
    flow.demand_mbps = required("demand_mbps", {1e-6, 1e6});
    if (flow.end_s <= flow.start_s) {
        row.fail("t_end", "is not after t_start");
    }
    flow.app = static_cast<std::uint16_t>(row.number("app", {0, 65535}).value_or(0));
    flow.on_s = row.number("on_s", kBusy).value_or(1);
    flow.off_s = row.number("off_s", kBusy).value_or(1);
    flow.continuity = row.number("continuity", {0, 1}).value_or(0);
    flow.time_critical = row.truth("time_critical").value_or(false);
    const std::string_view kind = row.text("class");
    flow.real_time = kind == "rt";
    if (!kind.empty() && kind != "rt" && kind != "nrt") {
        row.fail("class", "is none of rt, nrt");
    }
    return flow;
}

}  // namespace

Result<std::vector<Flow>> parse_flows(std::string_view name, std::string_view text) {
    const Result<Table> table = Table::parse(
        name, text,
        {"id", "app", "class", "t_start", "t_end", "demand_mbps", "on_s", "off_s", "time_critical", "continuity"},
        {"id", "t_start", "t_end", "demand_mbps"});
    if (!table) {
        return table.error();
    }
    std::vector<Flow> flows;
    std::set<std::uint32_t> ids;
    for (Row& row : table->rows()) {
        flows.push_back(flow_of(row));
        if (row.error().empty() && !ids.insert(flows.back().id).second) {
            row.fail("id", "stands in an earlier row");
        }
        if (!row.error().empty()) {
            return table->error(row.line(), row.error());
        }
    }
    return flows;
}

Result<std::vector<Flow>> load_flows(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (!stream) {
        return Error{file.string() + ": cannot be read"};
    }
    return parse_flows(file.string(), text);
}

}  // namespace homeward::trace
