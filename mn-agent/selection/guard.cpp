#include "selection/guard.h"

#include <algorithm>

namespace homeward::selection {
namespace {

/// The up link with the strongest signal; one without a known signal only where there is no other.
const Link* refuge(const Scene& scene) {
    const Link* best = nullptr;
    for (const Link& link : scene.links) {
        if (link.up && (best == nullptr || link.rssi_dbm.value_or(-999) > best->rssi_dbm.value_or(-999))) {
            best = &link;
        }
    }
    return best;
}

}  // namespace

std::optional<Reason> Guard::objection(const Scene& scene) const {
    if (scene.alive() == nullptr) {
        return std::nullopt;  // nothing to protect
    }
    if (pending_since_ && scene.now - *pending_since_ < settings_.pending_s) {
        return Reason::pending;
    }
    if (changed_ && scene.now - *changed_ < settings_.dwell_s) {
        return Reason::dwell;
    }
    return std::nullopt;
}

bool Guard::may_move(const Scene& scene, const FlowMove& move) const {
    const auto* flow =
        std::find_if(scene.flows.begin(), scene.flows.end(), [&](const Flow& each) { return each.id == move.flow; });
    if (flow == scene.flows.end() || flow->interface == move.to) {
        return false;
    }
    const bool stranded = !scene.up(flow->interface);
    if (move.to == kNoInterface ? !stranded : !scene.up(move.to)) {
        return false;
    }
    const auto* moved =
        std::find_if(moved_.begin(), moved_.end(), [&](const Moved& each) { return each.flow == move.flow; });
    return stranded || moved == moved_.end() || scene.now - moved->at >= settings_.dwell_s;
}

void Guard::note(const FlowMove& move, Seconds now) {
    auto* place = std::find_if(moved_.begin(), moved_.end(), [&](const Moved& each) { return each.flow == move.flow; });
    if (place == moved_.end() && !moved_.push_back({})) {
        place =
            std::min_element(moved_.begin(), moved_.end(), [](const Moved& a, const Moved& b) { return a.at < b.at; });
    }
    *(place == moved_.end() ? &moved_.back() : place) = {move.flow, now};
}

void Guard::pass_moves(const Scene& scene, const Decision& wanted, Decision& passed) {
    passed.moves.clear();
    for (const FlowMove& move : wanted.moves) {
        if (may_move(scene, move)) {
            passed.moves.push_back(move);
            note(move, scene.now);
        }
    }
}

Decision Guard::pass(const Scene& scene, const Decision& wanted) {
    Decision passed = wanted;
    pass_moves(scene, wanted, passed);
    const Link* target = wanted.serving.named() ? scene.find(wanted.serving) : nullptr;
    if (target == nullptr || !target->up) {
        const Link* rescue = scene.alive() != nullptr ? scene.alive() : refuge(scene);
        passed.serving = rescue != nullptr ? rescue->key : scene.serving;
        passed.reason = rescue == nullptr ? Reason::no_candidate : Reason::rescue;
    }
    passed.change = passed.serving != scene.serving;
    if (!passed.change) {
        return passed;
    }
    if (const auto reason = objection(scene)) {
        passed.serving = scene.serving;
        passed.change = false;
        passed.reason = *reason;
        return passed;
    }
    if (scene.alive() == nullptr) {
        passed.mode = Mode::break_before_make;  // there is nothing to keep
    }
    changed_ = pending_since_ = scene.now;
    return passed;
}

void Guard::report(const Outcome& /*outcome*/) {
    pending_since_.reset();
}

}  // namespace homeward::selection
