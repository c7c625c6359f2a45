#include "identification_source.h"

#include <chrono>

namespace homeward::mn::registration {
namespace {

using namespace std::chrono_literals;

/// RFC 5944 wants home agents to tolerate more than 3 s and suggests 7 s. A difference below the first is not what a
/// home agent complains about. An identification further ahead than the second was not accepted by anybody.
constexpr auto kAgreement = 3s;
constexpr auto kTolerance = 7s;

}  // namespace

mip::Identification IdentificationSource::next(mip::UnixTime now, std::uint16_t noise) noexcept {
    mip::Identification id = mip::timestamp(now + offset_, noise);
    // After a correction downwards, time may lie behind what the home agent accepted last: then count on from there.
    if (used_ && !mip::after(id, last_) && mip::difference(last_, id) <= kTolerance) {
        id = {last_.value + 1};
    }
    used_ = true;
    last_ = id;
    return id;
}

bool IdentificationSource::resynchronise(mip::Identification sent, std::uint32_t home_agent_seconds) noexcept {
    constexpr std::uint32_t kHalfSecond = 0x80000000;  // the fraction is not told
    const auto behind = mip::difference(mip::Identification::of(home_agent_seconds, kHalfSecond), sent);
    if (behind <= kAgreement && behind >= -kAgreement) {
        return false;
    }
    offset_ += behind;
    return true;
}

}  // namespace homeward::mn::registration
