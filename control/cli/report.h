#pragma once

#include <string>

#include "answer.h"
#include "paint.h"

namespace homeward::cli {

// Answers of the admin API as text for people. Pure; every function returns whole lines.

/// All of one daemon. Any answer but `status` may be absent.
struct Overview {
    Answer status, bindings, uplinks, policy;
};
std::string overview_report(const Overview& overview, double now_unix, const Paint& paint);

std::string bindings_report(const Answer& bindings, const Paint& paint);
std::string uplinks_report(const Answer& uplinks, const Paint& paint);
std::string policy_report(const Answer& policy, const Paint& paint);
std::string engine_report(const Answer& engine, const Paint& paint);
std::string consequences_report(const Answer& consequences, const Paint& paint);
std::string preference_report(const Answer& answer, const Paint& paint);
std::string drops_report(const Answer& drops, const Paint& paint);
std::string stats_report(const Answer& stats, const Paint& paint);
std::string route_report(const Answer& route, const Paint& paint);
std::string reload_report(const Answer& reload, std::string_view daemon);
/// `local_time`: when it happened, as it is to be shown.
std::string event_report(const Answer& event, std::string_view local_time, const Paint& paint);

}  // namespace homeward::cli
