#pragma once

#include <cstdint>
#include <random>

#include "policy/rule.h"

namespace homeward::policy {

/// Seeded rules whose prefixes nest and collide often, with as few candidates per place as the table allows.
class RandomPolicy {
  public:
    explicit RandomPolicy(std::uint32_t seed) : random_(seed) {}

    std::uint32_t below(std::uint32_t bound) {
        return std::uniform_int_distribution<std::uint32_t>{0, bound - 1}(random_);
    }
    bool one_in(std::uint32_t n) { return below(n) == 0; }

    LabelList labels() {
        LabelList list;
        for (std::uint32_t left = below(4); left > 0; --left) {
            list.push_back(static_cast<Label>(1 + below(5)));
        }
        return list;
    }

    /// Few distinct bits, so that prefixes are often inside one another.
    wire::Ipv4Address crowded_address() {
        static constexpr std::uint32_t kBases[] = {0, 0x0a000000, 0x0a0a0000, 0x0a0a0a00, 0x80000000, 0xffffff00};
        return wire::Ipv4Address{kBases[below(6)] | (one_in(3) ? below(256) : below(4) << below(31))};
    }

    Rule crowded_rule() {
        Rule rule;
        rule.correspondent = wire::Ipv4Prefix::of(crowded_address(), static_cast<std::uint8_t>(below(33)));
        if (one_in(8)) {
            static constexpr std::uint8_t kProtocols[] = {1, 6, 17, 255};
            rule.protocol = kProtocols[below(4)];
        }
        if (one_in(8)) {
            const auto first = static_cast<std::uint16_t>(below(100));
            rule.ports = {first, static_cast<std::uint16_t>(first + below(50))};
        }
        rule.uplinks = labels();
        if (!rule.uplinks.empty() && one_in(4)) {
            rule.mode = static_cast<Mode>(1 + below(rule.uplinks.size() > 1 ? 3 : 2));
        }
        if (spreads(rule.mode)) {
            rule.weights.set(below(static_cast<std::uint32_t>(rule.uplinks.size())),
                             rule.mode == Mode::spread ? 1 + below(Weights::kMax) : 1);
        }
        return rule;
    }

    Policy crowded(std::uint32_t rules) {
        Policy policy;
        policy.fallback = labels();
        for (std::uint32_t label = below(8); label > 0; --label) {
            policy.rates.push_back(static_cast<Label>(label), static_cast<std::uint8_t>(1 + below(255)));
        }
        for (std::uint32_t i = 0; i < rules; ++i) {
            policy.rules.push_back(crowded_rule());
        }
        return policy;
    }

    /// A table as operators have them: mostly plain two-uplink rules, some with conditions.
    Policy wide(std::uint32_t rules) {
        Policy policy;
        policy.fallback = {1, 2};
        policy.rules.reserve(rules);
        for (std::uint32_t i = 0; i < rules; ++i) {
            Rule rule;
            const auto length = static_cast<std::uint8_t>(one_in(3) ? 16 + below(17) : 32);
            rule.correspondent = wire::Ipv4Prefix::of(wire::Ipv4Address{below(0xe0000000)}, length);
            if (one_in(20)) {
                rule.protocol = 17;
                rule.ports = {5000, static_cast<std::uint16_t>(5000 + below(1000))};
            }
            rule.uplinks = one_in(2) ? LabelList{1, 2} : LabelList{2, 1};
            policy.rules.push_back(rule);
        }
        return policy;
    }

    FlowKey flow(const Policy& policy) {
        FlowKey flow;
        flow.correspondent = crowded_address();
        if (!policy.rules.empty() && !one_in(3)) {  // the edges of prefixes are where a table goes wrong
            const auto& prefix = policy.rules[below(static_cast<std::uint32_t>(policy.rules.size()))].correspondent;
            const std::uint32_t edge = one_in(2) ? prefix.first().host() : prefix.last().host();
            flow.correspondent = wire::Ipv4Address{edge + below(3) - 1};
        }
        static constexpr std::uint8_t kProtocols[] = {0, 1, 6, 17, 50, 255};
        flow.protocol = kProtocols[below(6)];
        flow.has_port = !one_in(4);
        flow.port = static_cast<std::uint16_t>(one_in(8) ? 65535 : one_in(2) ? 4990 + below(1100) : below(160));
        return flow;
    }

  private:
    std::mt19937 random_;
};

}  // namespace homeward::policy
