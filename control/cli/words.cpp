#include "words.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace homeward::cli {

namespace {

std::string scaled(double value, double step, std::initializer_list<std::string_view> units) {
    const auto* unit = units.begin();
    // 999.996 would be written as 1000.00: it is the next unit's 1.00.
    while (std::abs(value) >= step - 0.005 && unit + 1 != units.end()) {
        value /= step;
        ++unit;
    }
    return unit == units.begin() ? fmt::format("{:.0f} {}", value, *unit) : fmt::format("{:.2f} {}", value, *unit);
}

}  // namespace

std::string bytes_text(double bytes) {
    return scaled(bytes, 1024, {"B", "KiB", "MiB", "GiB", "TiB", "PiB"});
}

std::string rate_text(double bits_per_second) {
    return scaled(bits_per_second, 1000, {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"});
}

std::string duration_text(double seconds) {
    struct Unit {
        std::uint64_t seconds;
        std::string_view name;
    };
    static constexpr std::array kUnits{Unit{86400, "day"}, Unit{3600, "hour"}, Unit{60, "minute"}, Unit{1, "second"}};
    auto left = static_cast<std::uint64_t>(seconds > 0 ? seconds : 0);
    std::string text;
    for (std::size_t i = 0; i < kUnits.size(); ++i) {
        const std::uint64_t count = left / kUnits[i].seconds;
        left %= kUnits[i].seconds;
        if (!text.empty()) {
            return count == 0 ? text : text + ", " + count_text(count, kUnits[i].name);
        }
        if (count != 0 || i + 1 == kUnits.size()) {
            text = count_text(count, kUnits[i].name);
        }
    }
    return text;
}

std::string ago_text(double seconds) {
    return seconds < 1 ? "now" : duration_text(seconds) + " ago";
}

std::string until_text(double seconds) {
    return seconds < 1 ? "now" : "in " + duration_text(seconds);
}

std::string count_text(std::uint64_t count, std::string_view noun) {
    return fmt::format("{} {}{}", grouped(count), noun, count == 1 ? "" : "s");
}

std::string grouped(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (std::size_t at = digits.size(); at > 3;) {
        at -= 3;
        digits.insert(at, 1, ',');
    }
    return digits;
}

std::string short_digest(std::string_view hex) {
    return printable(hex.substr(0, 12));
}

std::string printable(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            c = '?';
        }
    }
    return out;
}

}  // namespace homeward::cli
