#include "trace/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace homeward::trace {
namespace {

constexpr std::string_view kFirstLine = "# mn-trace v1";

/// Cuts the next line off, without its end.
std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') {
        line.remove_suffix(1);
    }
    return line;
}

std::vector<std::string_view> split(std::string_view line) {
    std::vector<std::string_view> cells;
    while (true) {
        const std::size_t comma = line.find(',');
        cells.push_back(line.substr(0, comma));
        if (comma == std::string_view::npos) {
            return cells;
        }
        line.remove_prefix(comma + 1);
    }
}

template <class Range, class T>
bool contains(const Range& range, const T& value) {
    return std::find(range.begin(), range.end(), value) != range.end();
}

/// What is wrong with a header, empty if nothing.
std::string complaint_about(const std::vector<std::string>& columns, const std::vector<std::string>& known,
                            const std::vector<std::string>& required) {
    for (auto column = columns.begin(); column != columns.end(); ++column) {
        if (!contains(known, *column)) {
            return "unknown column \"" + *column + "\"";
        }
        if (std::find(columns.begin(), column, *column) != column) {
            return "column " + *column + " is there twice";
        }
    }
    for (const std::string& column : required) {
        if (!contains(columns, column)) {
            return "column " + column + " is missing";
        }
    }
    return "";
}

}  // namespace

std::optional<double> number_in(std::string_view text) noexcept {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole && std::isfinite(value) ? std::optional{value} : std::nullopt;
}

std::string_view Row::text(std::string_view column) const noexcept {
    const auto found = std::find(columns_->begin(), columns_->end(), column);
    return found == columns_->end() ? std::string_view{} : cells_[static_cast<std::size_t>(found - columns_->begin())];
}

std::optional<double> Row::number(std::string_view column, Limits limits) {
    const std::string_view cell = text(column);
    if (cell.empty()) {
        return std::nullopt;
    }
    const std::optional<double> value = number_in(cell);
    if (!value) {
        fail(column, "is not a finite number");
    } else if (*value < limits.least || *value > limits.most) {
        fail(column, "is out of range");
        return std::nullopt;
    }
    return value;
}

std::optional<bool> Row::truth(std::string_view column) {
    const std::string_view cell = text(column);
    if (cell.empty()) {
        return std::nullopt;
    }
    if (cell != "0" && cell != "1") {
        fail(column, "is neither 0 nor 1");
    }
    return cell == "1";
}

void Row::fail(std::string_view column, std::string_view what) {
    if (error_.empty()) {
        error_ = std::string(column) + " \"" + std::string(text(column)) + "\" " + std::string(what);
    }
}

Error Table::error(unsigned line, std::string_view what) const {
    return Error{name_ + ":" + std::to_string(line) + ": " + std::string(what)};
}

Result<Table> Table::parse(std::string_view name, std::string_view text, const std::vector<std::string>& known,
                           const std::vector<std::string>& required) {
    Table table;
    table.name_ = name;
    if (take_line(text) != kFirstLine) {
        return table.error(1, "the first line of a trace is \"" + std::string(kFirstLine) + "\"");
    }
    for (unsigned number = 2; !text.empty(); ++number) {
        const std::string_view line = take_line(text);
        if (line.empty() || line.front() == '#') {
            continue;
        }
        if (line.find('"') != std::string_view::npos) {
            return table.error(number, "cells are not quoted");
        }
        std::vector<std::string_view> cells = split(line);
        if (table.columns_.empty()) {
            table.columns_.assign(cells.begin(), cells.end());
            if (const std::string complaint = complaint_about(table.columns_, known, required); !complaint.empty()) {
                return table.error(number, complaint);
            }
            continue;
        }
        if (cells.size() != table.columns_.size()) {
            return table.error(number, std::to_string(cells.size()) + " cells under a header of " +
                                           std::to_string(table.columns_.size()));
        }
        table.lines_.push_back({number, std::move(cells)});
    }
    if (table.lines_.empty()) {
        return table.error(1, table.columns_.empty() ? "there is no header" : "there are no rows");
    }
    return table;
}

std::vector<Row> Table::rows() const {
    std::vector<Row> rows;
    rows.reserve(lines_.size());
    for (const Line& line : lines_) {
        rows.emplace_back(line.number, columns_, line.cells);
    }
    return rows;
}

}  // namespace homeward::trace
