#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "agent.h"

/// Signal strength: read in its rhythm, judged, and the decision handed to the Coordinator.
namespace homeward::mn {
namespace {

Result<std::unique_ptr<signal::Source>> open(const config::Signal& signal) {
    switch (signal.source) {
        case config::SignalSource::wpa_supplicant:
            return signal::open_wpa_supplicant(signal.wpa_supplicant);
        case config::SignalSource::replay:
            return signal::open_replay(signal.trace);
        case config::SignalSource::none:
            return Error{"signal.source is none"};
        case config::SignalSource::automatic:
        case config::SignalSource::nl80211:
            break;
    }
    return signal::open_nl80211();
}

bool is_wlan(const config::UplinkConfig& uplink) {
    return uplink.technology == config::AccessTechnology::wlan;
}

}  // namespace

handover::SignalThresholds Agent::signal_thresholds() const {
    handover::SignalThresholds thresholds;
    thresholds.leave_below_dbm = config_.signal.leave_below_dbm;
    thresholds.return_above_dbm = config_.signal.return_above_dbm;
    return thresholds;
}

/// What was asked for by name must be there; `automatic` does without, and says so once.
Status Agent::open_signal() {
    signal_judge_ = std::make_unique<handover::SignalJudge>(config_.uplinks.size(), signal_thresholds());
    const bool automatic = config_.signal.source == config::SignalSource::automatic;
    if (automatic && std::none_of(config_.uplinks.begin(), config_.uplinks.end(), is_wlan)) {
        signal_reason_ = "no uplink is a wlan";
        return {};
    }
    Result<std::unique_ptr<signal::Source>> source = open(config_.signal);
    if (source) {
        signal_source_ = std::move(*source);
        return {};
    }
    signal_reason_ = source.error().text;
    if (automatic) {
        spdlog::info("signal strength is not known: {}", signal_reason_);
    }
    const bool may_be_absent = automatic || config_.signal.source == config::SignalSource::none;
    return may_be_absent ? Status{} : Status{source.error()};
}

void Agent::arm_signal_timer() {
    if (!signal_source_) {
        return;
    }
    signal_timer_.expires_after(config_.signal.interval);
    signal_timer_.async_wait([this](const asio::error_code& error) {
        if (!error) {
            read_signals();
            arm_signal_timer();
        }
    });
}

void Agent::read_signals() {
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        const uplinks::Attachment& present = coordinator_->present(slot);
        std::optional<signal::Reading>& reading = uplinks_[slot].radio;
        reading = present.running ? signal_source_->read(config_.uplinks[slot].interface, present.index, monotonic())
                                  : std::nullopt;
        if (chooser_) {
            continue;  // the engine judges
        }
        const auto rssi = reading ? reading->rssi_dbm : std::nullopt;
        if (const auto decision = signal_judge_->observe(slot, rssi, monotonic())) {
            coordinator_->decide(*decision, monotonic());
        }
    }
    pump();
}

}  // namespace homeward::mn
