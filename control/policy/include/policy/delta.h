#pragma once

#include <cstdint>
#include <optional>

#include "policy/generation.h"
#include "result/result.h"

namespace homeward::policy {

/// The bytes that make `target` out of `base`, whose digest is `base_digest`: stretches of rules to copy, and new
/// rules. Rules are found by what they say, so edits anywhere and moved blocks stay small. docs/policy-sync.md.
wire::Bytes make_delta(const Policy& base, const Digest& base_digest, const Policy& target);

/// Which table a delta starts from; nullopt: too short to say.
std::optional<Digest> base_of(wire::ByteView delta);

/// Fails on malformed bytes, on copies from outside of `base`, and when more than `max_rules` would result.
Result<Policy> apply_delta(wire::ByteView delta, const Policy& base, std::uint32_t max_rules);

}  // namespace homeward::policy
