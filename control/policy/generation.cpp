#include "policy/generation.h"

#include <openssl/evp.h>

#include <algorithm>
#include <new>
#include <string_view>

#include "policy/rule_code.h"

namespace homeward::policy {
namespace {

constexpr std::uint8_t kFormat = 1;

void write_labels(wire::Writer& out, const LabelList& labels) {
    out.u8(static_cast<std::uint8_t>(labels.size()));
    for (const Label label : labels) {
        out.u8(label);
    }
}

std::optional<LabelList> read_labels(wire::Reader& in) {
    const std::size_t count = in.u8();
    LabelList labels;
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
        const Label label = in.u8();
        if (label == 0 || !labels.push_back(label)) {
            return std::nullopt;
        }
    }
    return in.failed() ? std::nullopt : std::optional{labels};
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
    write_labels(out, rule.uplinks);
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
    const auto uplinks = read_labels(in);
    if (!uplinks) {
        return std::nullopt;
    }
    rule.uplinks = *uplinks;
    return rule;
}

void write_head(wire::Writer& out, const LabelList& fallback, std::uint32_t rules) {
    out.u8(kFormat);
    write_labels(out, fallback);
    out.u32(rules);
}

std::optional<PolicyHead> read_head(wire::Reader& in) {
    if (in.u8() != kFormat) {
        return std::nullopt;
    }
    const auto fallback = read_labels(in);
    const std::uint32_t rules = in.u32();
    return fallback && !in.failed() ? std::optional{PolicyHead{*fallback, rules}} : std::nullopt;
}

wire::Bytes encode(const Policy& policy) {
    wire::Bytes bytes;
    bytes.reserve(16 + policy.rules.size() * 8);
    wire::Writer out{bytes};
    write_head(out, policy.fallback, static_cast<std::uint32_t>(policy.rules.size()));
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
