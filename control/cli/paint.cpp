#include "paint.h"

#include <algorithm>
#include <array>
#include <utility>

namespace homeward::cli {

std::string Paint::operator()(Colour colour, std::string_view text) const {
    static constexpr std::array<std::string_view, 6> kCodes{"", "1", "2", "32", "33", "31"};
    if (!on_ || colour == Colour::none || text.empty()) {
        return std::string(text);
    }
    std::string painted = "\x1b[";
    painted += kCodes[static_cast<std::size_t>(colour)];
    painted += 'm';
    painted += text;
    painted += "\x1b[0m";
    return painted;
}

Colour state_colour(std::string_view state) {
    static constexpr std::array kGood{"bound", "up", "connected", "synchronised"};
    static constexpr std::array kPassing{"registering", "renewing", "draining", "hold-down", "idle"};
    const auto is = [state](const char* word) { return state == word; };
    if (std::any_of(kGood.begin(), kGood.end(), is)) {
        return Colour::green;
    }
    return std::any_of(kPassing.begin(), kPassing.end(), is) ? Colour::yellow : Colour::red;
}

namespace {

std::size_t width(std::string_view text) {
    constexpr unsigned kContinuation = 0x80;
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != kContinuation; }));
}

}  // namespace

Table::Table(std::vector<Align> columns, const std::vector<std::string>& titles) : columns_(std::move(columns)) {
    for (const std::string& title : titles) {
        titles_.push_back({title, Colour::bold});
    }
}

void Table::row(std::vector<Cell> cells) {
    if (rows_.empty() && !titles_.empty()) {
        rows_.push_back(titles_);
    }
    rows_.push_back(std::move(cells));
}

std::string Table::text(const Paint& paint, std::string_view indent) const {
    std::vector<std::size_t> widths(columns_.size(), 0);
    for (const auto& cells : rows_) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            widths[i] = std::max(widths[i], width(cells[i].text));
        }
    }
    std::string out;
    for (const auto& cells : rows_) {
        std::string line(indent);
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const std::string space(widths[i] - width(cells[i].text), ' ');
            const std::string cell = paint(cells[i].colour, cells[i].text);
            line += columns_[i] == Align::right ? space + cell : cell + (i + 1 == cells.size() ? "" : space);
            line += i + 1 == cells.size() ? "" : "  ";
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + '\n';
    }
    return out;
}

}  // namespace homeward::cli
