#include "names.h"

#include <algorithm>

namespace homeward::config {
namespace {

constexpr std::size_t kMaxDeviceName = 15;
constexpr std::size_t kMaxNai = 255;

bool visible(char c) {
    return c > 0x20 && c < 0x7f;
}

}  // namespace

std::string read_device_name(const Value& value) {
    const std::string_view name = value.raw();
    const bool good = std::all_of(name.begin(), name.end(), [](char c) { return visible(c) && c != '/' && c != ':'; });
    if (name.empty() || name.size() > kMaxDeviceName || !good || name == "." || name == "..") {
        value.expected("a name of 1 to 15 characters without '/', ':' or spaces");
        return {};
    }
    return std::string{name};
}

std::string read_nai(const Value& value) {
    const std::string_view nai = value.raw();
    if (nai.empty() || nai.size() > kMaxNai || !std::all_of(nai.begin(), nai.end(), visible)) {
        value.expected("a network access identifier such as user@example.org");
        return {};
    }
    return std::string{nai};
}

void Once::add(const Value& value, const std::string& given) {
    if (given.empty()) {
        return;
    }
    const auto [found, first] = where_.try_emplace(given, value.path());
    if (!first) {
        value.fail(what_ + " " + given + " is also that of " + found->second);
    }
}

}  // namespace homeward::config
