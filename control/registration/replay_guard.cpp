#include "registration/replay_guard.h"

#include <algorithm>

namespace homeward::registration {
namespace {

constexpr std::uint8_t kVersion = 1;

}  // namespace

bool ReplayGuard::fresh(config::Replay style, mip::Identification id, Scope scope, mip::UnixTime now,
                        std::chrono::nanoseconds tolerance) const noexcept {
    if (style == config::Replay::nonce) {
        return nonce_ && id.high() == *nonce_;
    }
    const std::chrono::nanoseconds skew = mip::difference(id, mip::timestamp(now, 0));
    return skew <= tolerance && -skew <= tolerance && later_than_marks(style, id, scope);
}

bool ReplayGuard::later_than_marks(config::Replay style, mip::Identification id, Scope scope) const noexcept {
    if (node_mark_ && !mip::after(id, *node_mark_)) {
        return false;
    }
    const bool whole_node = style == config::Replay::timestamp || !scope;
    return std::all_of(binding_marks_.begin(), binding_marks_.end(), [&](const BindingMark& held) {
        return (!whole_node && held.binding_id != *scope) || mip::after(id, held.mark);
    });
}

void ReplayGuard::use(config::Replay style, mip::Identification id, Scope scope, std::uint32_t random) {
    if (style == config::Replay::nonce) {
        nonce_ = random;
        return;
    }
    if (style == config::Replay::timestamp || !scope) {
        node_mark_ = id;
        binding_marks_.clear();
        return;
    }
    for (BindingMark& held : binding_marks_) {
        if (held.binding_id == *scope) {
            held.mark = id;
            return;
        }
    }
    binding_marks_.push_back({*scope, id});
}

mip::Identification ReplayGuard::reply_to(config::Replay style, mip::Identification id, bool was_fresh,
                                          mip::UnixTime now, std::uint32_t random) {
    if (style == config::Replay::nonce) {
        if (!nonce_) {
            nonce_ = random;
        }
        return mip::Identification::of(*nonce_, id.low());
    }
    return was_fresh ? id : mip::Identification::of(mip::timestamp(now, 0).high(), id.low());
}

wire::Bytes ReplayGuard::encode() const {
    wire::Bytes bytes;
    wire::Writer out(bytes);
    out.u8(kVersion);
    out.u8(static_cast<std::uint8_t>((node_mark_ ? 1 : 0) | (nonce_ ? 2 : 0)));
    out.u64(node_mark_ ? node_mark_->value : 0);
    out.u32(nonce_.value_or(0));
    for (const BindingMark& held : binding_marks_) {
        out.u8(held.binding_id);
        out.u64(held.mark.value);
    }
    return bytes;
}

void ReplayGuard::restore(wire::ByteView bytes) {
    wire::Reader in(bytes);
    const std::uint8_t version = in.u8();
    const std::uint8_t present = in.u8();
    const mip::Identification mark{in.u64()};
    const std::uint32_t nonce = in.u32();
    std::vector<BindingMark> marks;
    while (!in.failed() && !in.at_end()) {
        const std::uint8_t binding_id = in.u8();
        marks.push_back({binding_id, {in.u64()}});
    }
    if (in.failed() || version != kVersion) {
        return;
    }
    node_mark_ = (present & 1) != 0 ? std::optional(mark) : std::nullopt;
    nonce_ = (present & 2) != 0 ? std::optional(nonce) : std::nullopt;
    binding_marks_ = std::move(marks);
}

}  // namespace homeward::registration
