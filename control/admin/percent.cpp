#include "percent.h"

#include <cctype>
#include <charconv>

#include "admin/client.h"

namespace homeward::admin {

std::optional<std::string> percent_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto byte = static_cast<unsigned char>(text[i]);
        if (byte == '%') {
            const std::string_view digits = text.substr(i + 1, 2);
            const char* end = digits.data() + digits.size();
            const auto parsed = std::from_chars(digits.data(), end, byte, 16);
            if (digits.size() != 2 || parsed.ec != std::errc{} || parsed.ptr != end) {
                return std::nullopt;
            }
            i += 2;
        }
        if (byte < 0x20 || byte == 0x7f) {
            return std::nullopt;
        }
        out.push_back(static_cast<char>(byte));
    }
    return out;
}

std::string percent_encode(std::string_view text) {
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || std::string_view("-._~@:").find(c) != std::string_view::npos) {
            out.push_back(c);
        } else {
            out.push_back('%');
            out.push_back(kHex[byte >> 4]);
            out.push_back(kHex[byte & 15]);
        }
    }
    return out;
}

namespace {

bool parse_query(std::string_view text, Target& target) {
    while (!text.empty()) {
        const std::string_view pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(text.size(), pair.size() + 1));
        const std::size_t equals = pair.find('=');
        const auto name = percent_decode(pair.substr(0, equals));
        const auto value = equals == std::string_view::npos ? std::string() : percent_decode(pair.substr(equals + 1));
        if (!name || !value) {
            return false;
        }
        if (!name->empty()) {
            target.query[*name] = *value;
        }
    }
    return true;
}

}  // namespace

std::optional<Target> parse_target(std::string_view text) {
    if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos && !text.starts_with('/')) {
        const std::size_t slash = text.find('/', scheme + 3);
        text = slash == std::string_view::npos ? "/" : text.substr(slash);
    }
    text = text.substr(0, text.find('#'));
    if (!text.starts_with('/')) {
        return std::nullopt;
    }
    const std::size_t question = text.find('?');
    const auto path = percent_decode(text.substr(0, question));
    if (!path) {
        return std::nullopt;
    }
    Target target{.path = *path, .query = {}};
    if (question != std::string_view::npos && !parse_query(text.substr(question + 1), target)) {
        return std::nullopt;
    }
    return target;
}

}  // namespace homeward::admin
