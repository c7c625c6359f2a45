#include "value.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

namespace homeward::config {
namespace {

constexpr std::size_t kShown = 60;

/// What the file says goes to terminals and logs: without control characters.
std::string on_one_line(std::string text) {
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    std::replace_if(text.begin(), text.end(), control, '?');
    return text;
}

std::string printable(std::string_view text) {
    return on_one_line(std::string{text.substr(0, kShown)}) + (text.size() > kShown ? "…" : "");
}

std::string_view key_text(const Document& document, const Document::Node& key) {
    return key.kind == Document::Kind::scalar ? document.text(key) : std::string_view{"?"};
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (const char letter : a) {
        std::size_t diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t changed = diagonal + (letter == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

/// "500 ms" and "500ms" are 500 and "ms".
std::optional<std::pair<std::uint64_t, std::string_view>> quantity(std::string_view text) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = whole<std::uint64_t>(text.substr(0, digits));
    const std::string_view rest = text.substr(digits);
    const std::size_t unit = std::min(rest.find_first_not_of(' '), rest.size());
    return number ? std::optional{std::pair{*number, rest.substr(unit)}} : std::nullopt;
}

std::string in_words(std::chrono::milliseconds time) {
    return time.count() % 1000 == 0 ? std::to_string(time.count() / 1000) + " s" : std::to_string(time.count()) + " ms";
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    struct Unit {
        std::string_view name;
        std::uint64_t milliseconds;
    };
    constexpr std::array kUnits{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"min", 60'000}, Unit{"h", 3'600'000}};
    constexpr std::uint64_t kLongest = 1'000'000'000;
    const auto parsed = quantity(text);
    if (!parsed || parsed->first > kLongest) {
        return std::nullopt;
    }
    if (parsed->first == 0 && parsed->second.empty()) {
        return std::chrono::milliseconds{0};
    }
    for (const Unit& unit : kUnits) {
        if (unit.name == parsed->second) {
            return std::chrono::milliseconds{parsed->first * unit.milliseconds};
        }
    }
    return std::nullopt;
}

std::string short_text(double number) {
    std::array<char, 32> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
    return {text.data(), end};
}

}  // namespace

std::string Value::path() const {
    if (parent_ == nullptr) {
        return {};
    }
    const std::string outer = parent_->path();
    if (parent_->is_sequence()) {
        return outer + '[' + std::to_string(index_) + ']';
    }
    return outer.empty() ? printable(key_) : outer + '.' + printable(key_);
}

Error Value::error(const std::string& what) const {
    const std::string where = path();
    return {file() + ':' + std::to_string(node_->line) + ": " + (where.empty() ? "" : where + ": ") +
            on_one_line(what)};
}

void Value::expected(const std::string& what) const {
    if (report_->failed()) {
        return;
    }
    const std::string got = is_map()                            ? "a map"
                            : is_sequence()                     ? "a list"
                            : node_->plain && node_->count == 0 ? "nothing"
                                                                : '"' + printable(raw()) + '"';
    fail("expected " + what + ", got " + got);
}

std::size_t Value::items() const {
    if (!is_sequence()) {
        expected("a list");
        return 0;
    }
    return node_->count;
}

Value Value::item(std::size_t index) const {
    return {*this, document_->child(*node_, index), {}, index};
}

std::string Value::text(std::size_t min_size, std::size_t max_size) const {
    if (!is_scalar() || raw().size() < min_size || raw().size() > max_size) {
        expected(max_size < 4096
                     ? "text of " + std::to_string(min_size) + " to " + std::to_string(max_size) + " characters"
                     : "text");
        return {};
    }
    if (raw().find('\0') != std::string_view::npos) {
        expected("text without NUL");
        return {};
    }
    return std::string{raw()};
}

bool Value::boolean() const {
    return one_of<bool>({{"true", true}, {"false", false}});
}

std::uint64_t Value::whole_number(std::uint64_t min, std::uint64_t max) const {
    const auto number = whole<std::uint64_t>(raw());
    if (!number || *number < min || *number > max) {
        expected("a number from " + std::to_string(min) + " to " + std::to_string(max));
        return min;
    }
    return *number;
}

double Value::real(double least, double most) const {
    const auto number = whole<double>(raw());
    if (!number || !std::isfinite(*number) || *number < least || *number > most) {
        expected("a number from " + short_text(least) + " to " + short_text(most));
        return least;
    }
    return *number;
}

wire::Ipv4Address Value::address() const {
    const auto address = wire::Ipv4Address::parse(raw());
    if (!address || !address->is_unicast()) {
        expected("the IPv4 address of a host");
        return {};
    }
    return *address;
}

wire::Ipv4Prefix Value::prefix() const {
    const std::string_view text = raw();
    if (const auto prefix = wire::Ipv4Prefix::parse(text)) {
        return *prefix;
    }
    const std::size_t slash = std::min(text.find('/'), text.size());
    const auto address = wire::Ipv4Address::parse(text.substr(0, slash));
    const auto length = slash < text.size() ? whole<std::uint8_t>(text.substr(slash + 1)) : std::nullopt;
    if (address && length && *length <= 32) {
        const auto meant = wire::Ipv4Prefix::of(*address, *length);
        expected("a prefix without host bits (" + meant.to_string() + ")");
    } else {
        expected("a prefix such as 10.0.0.0/8");
    }
    return {};
}

std::chrono::milliseconds Value::duration(std::chrono::milliseconds min, std::chrono::milliseconds max) const {
    const auto time = parse_duration(raw());
    if (!time || *time < min || *time > max) {
        expected("a time from " + in_words(min) + " to " + in_words(max) + R"( with its unit (ms, s, min or h))");
        return min;
    }
    return *time;
}

std::chrono::seconds Value::seconds(std::chrono::seconds min, std::chrono::seconds max) const {
    const auto time = duration(min, max);
    if (time.count() % 1000 != 0) {
        expected("whole seconds");
    }
    return std::chrono::duration_cast<std::chrono::seconds>(time);
}

std::uint64_t Value::megabytes(std::uint64_t min, std::uint64_t max) const {
    const auto parsed = quantity(raw());
    const std::uint64_t factor = !parsed ? 0 : parsed->second == "MB" ? 1 : parsed->second == "GB" ? 1024 : 0;
    if (factor == 0 || parsed->first > max || parsed->first * factor < min || parsed->first * factor > max) {
        expected("a size from " + std::to_string(min) + " MB to " + std::to_string(max) +
                 " MB with its unit (MB or GB)");
        return min;
    }
    return parsed->first * factor;
}

Map::Map(const Value& value, const std::vector<std::string_view>& known) : value_(value) {
    if (!value.is_map()) {
        value.expected("a map");
        return;
    }
    const Document& document = *value.document_;
    for (std::size_t i = 0; i < value.node_->count; i += 2) {
        const Document::Node& key_node = document.child(*value.node_, i);
        const Value key{value, key_node, key_text(document, key_node), 0};
        const std::string_view name = key.raw();
        if (!key.is_scalar() || std::find(known.begin(), known.end(), name) == known.end()) {
            const std::string_view meant = nearest(name, known);
            std::string names;
            for (const std::string_view each : known) {
                names += (names.empty() ? "" : ", ") + std::string{each};
            }
            key.fail(meant.empty() ? "unknown key; known here: " + names
                                   : "unknown key; did you mean \"" + std::string{meant} + "\"?");
            return;
        }
        for (std::size_t j = 0; j < i; j += 2) {
            if (document.text(document.child(*value.node_, j)) == name) {
                key.fail("the key stands here a second time");
                return;
            }
        }
    }
}

std::optional<Value> Map::find(std::string_view key) const {
    if (!value_.is_map()) {
        return std::nullopt;
    }
    const Document& document = *value_.document_;
    for (std::size_t i = 0; i < value_.node_->count; i += 2) {
        const Document::Node& name = document.child(*value_.node_, i);
        if (name.kind == Document::Kind::scalar && document.text(name) == key) {
            return Value{value_, document.child(*value_.node_, i + 1), document.text(name), 0};
        }
    }
    return std::nullopt;
}

std::optional<Value> Map::require(std::string_view key) const {
    auto found = find(key);
    if (!found && value_.is_map()) {
        value_.fail("the key \"" + std::string{key} + "\" is missing");
    }
    return found;
}

std::vector<std::pair<std::string, Value>> Map::named(const Value& value) {
    std::vector<std::pair<std::string, Value>> found;
    if (!value.is_map()) {
        value.expected("a map");
        return found;
    }
    std::set<std::string_view> seen;
    const Document& document = *value.document_;
    for (std::size_t i = 0; i < value.node_->count; i += 2) {
        const Document::Node& node = document.child(*value.node_, i);
        const Value key{value, node, key_text(document, node), 0};
        if (!key.is_scalar() || !seen.insert(key.raw()).second) {
            key.fail(key.is_scalar() ? "the key stands here a second time" : "expected a name as key");
            return {};
        }
        found.emplace_back(key.raw(), Value{value, document.child(*value.node_, i + 1), key.raw(), 0});
    }
    return found;
}

std::string_view nearest(std::string_view written, const std::vector<std::string_view>& names) {
    std::string_view best;
    std::size_t best_distance = written.size() / 2 + 1;
    for (const std::string_view name : names) {
        const std::size_t distance = edit_distance(written.substr(0, 64), name);
        if (distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace homeward::config
