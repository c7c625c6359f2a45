#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "policy/generation.h"
#include "policy/table.h"

/// There is one encoding of a policy: what decodes encodes to the same bytes. What compiles answers like the list.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace homeward;
    const wire::ByteView bytes{data, size};
    const auto policy = policy::decode(bytes);
    if (!policy) {
        return 0;
    }
    const wire::Bytes again = policy::encode(*policy);
    if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) {
        std::abort();
    }
    const auto table = policy::Table::compile(*policy);
    for (std::size_t i = 0; table && i < policy->rules.size(); ++i) {
        const policy::Rule& rule = policy->rules[i];
        const policy::FlowKey flow{rule.correspondent.last(), rule.protocol, true, rule.ports.first};
        const auto first = std::find_if(policy->rules.begin(), policy->rules.end(),
                                        [&](const policy::Rule& each) { return policy::matches(each, flow); });
        if (table->lookup(flow).rule != static_cast<std::uint32_t>(first - policy->rules.begin())) {
            std::abort();
        }
    }
    return 0;
}
