#include "registration/counters.h"

namespace homeward::registration {
namespace {

constexpr std::array<const char*, static_cast<std::size_t>(Silent::count)> kSilentNames{
    "rate-limited",        "not-a-request",         "unknown-node", "unknown-spi",
    "wrong-authenticator", "duplicate-in-progress", "queue-full"};
constexpr std::array<const char*, static_cast<std::size_t>(Event::count)> kEventNames{
    "requests", "accepted", "renewed", "duplicates", "expired", "nat-detected", "policy-chunks", "dataplane-timeouts"};

}  // namespace

Counters::List Counters::drops() const {
    List list;
    for (std::size_t i = 0; i < unframed_.size(); ++i) {
        list.emplace_back("registration." + std::string(name(static_cast<mip::Unframed>(i))), unframed_[i]);
    }
    for (std::size_t i = 0; i < silent_.size(); ++i) {
        list.emplace_back(std::string("registration.") + kSilentNames[i], silent_[i]);
    }
    return list;
}

Counters::List Counters::totals() const {
    List list;
    for (std::size_t i = 0; i < events_.size(); ++i) {
        list.emplace_back(std::string("registration.") + kEventNames[i], events_[i]);
    }
    for (std::size_t i = 0; i < malformed_.size(); ++i) {
        list.emplace_back("registration.malformed." + std::string(name(static_cast<mip::Malformed>(i))), malformed_[i]);
    }
    for (std::size_t i = 0; i < codes_.size(); ++i) {
        if (codes_[i] != 0) {
            list.emplace_back("registration.reply." + std::to_string(i), codes_[i]);
        }
    }
    return list;
}

}  // namespace homeward::registration
