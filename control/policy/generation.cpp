#include "policy/generation.h"

#include <openssl/evp.h>

#include <algorithm>
#include <new>
#include <string_view>

#include "policy/rule_code.h"

namespace homeward::policy {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kFormatWithRates = 2;
constexpr std::uint8_t kCountMask = (1U << kRuleModeShift) - 1;

void append_labels(wire::Writer& out, const LabelList& labels) {
    for (const Label label : labels) {
        out.u8(label);
    }
}

void write_labels(wire::Writer& out, const LabelList& labels) {
    out.u8(static_cast<std::uint8_t>(labels.size()));
    append_labels(out, labels);
}

std::optional<LabelList> read_labels(wire::Reader& in, std::size_t count) {
    LabelList labels;
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
        const Label label = in.u8();
        if (label == 0 || !labels.push_back(label)) {
            return std::nullopt;
        }
    }
    return in.failed() ? std::nullopt : std::optional{labels};
}

std::optional<LabelList> read_labels(wire::Reader& in) {
    const std::size_t count = in.u8();
    return read_labels(in, count);
}

void write_uplinks(wire::Writer& out, const Rule& rule) {
    const auto mode = static_cast<unsigned>(rule.mode);
    out.u8(static_cast<std::uint8_t>(rule.uplinks.size() | mode << kRuleModeShift));
    append_labels(out, rule.uplinks);
    for (std::size_t i = 0; spreads(rule.mode) && i < rule.uplinks.size(); ++i) {
        out.u8(static_cast<std::uint8_t>(rule.weights[i]));
    }
}

/// What a rule that spreads says of its uplinks: someone is to carry, and by rate nobody has a weight of its own.
bool read_weights(wire::Reader& in, Rule& rule) {
    const unsigned most = rule.mode == Mode::spread ? Weights::kMax : 1;
    for (std::size_t i = 0; i < rule.uplinks.size(); ++i) {
        const unsigned weight = in.u8();
        if (weight > most) {
            return false;
        }
        rule.weights.set(i, weight);
    }
    return rule.weights != Weights{};
}

bool read_uplinks(wire::Reader& in, Rule& rule) {
    const std::uint8_t head = in.u8();
    rule.mode = static_cast<Mode>(head >> kRuleModeShift);
    if (rule.mode > Mode::redundant) {
        return false;
    }
    const auto labels = read_labels(in, head & kCountMask);
    if (!labels) {
        return false;
    }
    rule.uplinks = *labels;
    if (rule.mode == Mode::redundant && rule.uplinks.size() < 2) {
        return false;
    }
    return !spreads(rule.mode) || (read_weights(in, rule) && !in.failed());
}

bool read_rates(wire::Reader& in, Rates& rates) {
    const std::size_t count = in.u8();
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
        const Label label = in.u8();
        const std::uint8_t rate = in.u8();
        if (label == 0 || !rates.push_back(label, rate)) {
            return false;
        }
    }
    return count != 0 && !in.failed();
}

std::optional<wire::Ipv4Prefix> read_prefix(wire::Reader& in, std::uint8_t length) {
    std::uint32_t address = 0;
    for (unsigned shift = 24, left = (length + 7U) / 8U; left > 0; --left, shift -= 8) {
        address |= std::uint32_t{in.u8()} << shift;
    }
    const auto prefix = wire::Ipv4Prefix::of(wire::Ipv4Address{address}, length);
    return prefix.network.host() == address ? std::optional{prefix} : std::nullopt;
}

}  // namespace

void write_rule(wire::Writer& out, const Rule& rule) {
    const std::uint8_t length = rule.correspondent.length;
    const bool protocol = rule.protocol != kAnyProtocol;
    const bool ports = !rule.ports.any();
    out.u8(static_cast<std::uint8_t>(length | (protocol ? kRuleHasProtocol : 0U) | (ports ? kRuleHasPorts : 0U)));
    for (unsigned shift = 24, left = (length + 7U) / 8U; left > 0; --left, shift -= 8) {
        out.u8(static_cast<std::uint8_t>(rule.correspondent.network.host() >> shift));
    }
    if (protocol) {
        out.u8(rule.protocol);
    }
    if (ports) {
        out.u16(rule.ports.first);
        out.u16(rule.ports.last);
    }
    write_uplinks(out, rule);
}

std::optional<Rule> read_rule(wire::Reader& in) {
    const std::uint8_t head = in.u8();
    const auto length = static_cast<std::uint8_t>(head & kRuleLengthMask);
    if (in.failed() || length > 32) {
        return std::nullopt;
    }
    Rule rule;
    const auto prefix = read_prefix(in, length);
    if (!prefix) {
        return std::nullopt;
    }
    rule.correspondent = *prefix;
    if ((head & kRuleHasProtocol) != 0) {
        rule.protocol = in.u8();
        if (rule.protocol == kAnyProtocol) {
            return std::nullopt;
        }
    }
    if ((head & kRuleHasPorts) != 0) {
        rule.ports = {in.u16(), in.u16()};
        if (rule.ports.first > rule.ports.last || rule.ports.any()) {
            return std::nullopt;
        }
    }
    return read_uplinks(in, rule) ? std::optional{rule} : std::nullopt;
}

void write_head(wire::Writer& out, const Policy& policy) {
    const Rates& rates = policy.rates;
    out.u8(rates.empty() ? kFormat : kFormatWithRates);
    write_labels(out, policy.fallback);
    if (!rates.empty()) {
        out.u8(static_cast<std::uint8_t>(rates.labels().size()));
        for (const Label label : rates.labels()) {
            out.u8(label);
            out.u8(rates.of(label));
        }
    }
    out.u32(static_cast<std::uint32_t>(policy.rules.size()));
}

std::optional<PolicyHead> read_head(wire::Reader& in) {
    const std::uint8_t format = in.u8();
    const auto fallback = read_labels(in);
    PolicyHead head;
    if ((format != kFormat && format != kFormatWithRates) || !fallback ||
        (format == kFormatWithRates && !read_rates(in, head.rates))) {
        return std::nullopt;
    }
    head.fallback = *fallback;
    head.rules = in.u32();
    return in.failed() ? std::nullopt : std::optional{head};
}

wire::Bytes encode(const Policy& policy) {
    wire::Bytes bytes;
    bytes.reserve(16 + policy.rules.size() * 8);
    wire::Writer out{bytes};
    write_head(out, policy);
    for (const Rule& rule : policy.rules) {
        write_rule(out, rule);
    }
    return bytes;
}

Result<Policy> decode(wire::ByteView bytes) {
    wire::Reader in{bytes};
    const auto head = read_head(in);
    if (!head || head->rules > in.remaining() / kMinRuleBytes) {
        return Error{"policy encoding: malformed head"};
    }
    Policy policy;
    policy.fallback = head->fallback;
    policy.rates = head->rates;
    policy.rules.reserve(head->rules);
    for (std::uint32_t i = 0; i < head->rules; ++i) {
        const auto rule = read_rule(in);
        if (!rule) {
            return Error{"policy encoding: malformed rules[" + std::to_string(i) + "]"};
        }
        policy.rules.push_back(*rule);
    }
    if (!in.at_end()) {
        return Error{"policy encoding: bytes behind the last rule"};
    }
    return policy;
}

Digest digest(wire::ByteView canonical) {
    Digest result{};
    if (EVP_Digest(canonical.data(), canonical.size(), result.data(), nullptr, EVP_sha256(), nullptr) != 1) {
        throw std::bad_alloc{};  // the only way this fails
    }
    return result;
}

std::string to_hex(const Digest& digest) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(digest.size() * 2);
    for (const std::uint8_t byte : digest) {
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 15U];
    }
    return text;
}

}  // namespace homeward::policy
