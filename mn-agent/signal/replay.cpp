#include <algorithm>
#include <utility>

#include "signal/source.h"
#include "trace/links.h"

namespace homeward::signal {
namespace {

class Replay : public Source {
  public:
    explicit Replay(trace::Trace trace) : trace_(std::move(trace)) {}

    std::string name() const override { return "replay"; }

    std::optional<Reading> read(const std::string& interface, int, std::chrono::nanoseconds now) override {
        if (!started_) {
            started_ = now;
        }
        const double t = trace_.moments.front().t_s + std::chrono::duration<double>(now - *started_).count();
        // A moment tells of some interfaces: the last word about this one counts.
        const trace::Link* found = nullptr;
        for (const trace::Moment& moment : trace_.moments) {
            if (moment.t_s > t) {
                break;
            }
            if (const trace::Link* link = serving(moment, interface)) {
                found = link;
            }
        }
        if (found == nullptr || !found->rssi_dbm) {
            return std::nullopt;
        }
        Reading reading;
        reading.rssi_dbm = found->rssi_dbm;
        reading.tx_mbps = reading.goodput_mbps = found->rate_mbps;
        reading.bssid = found->bssid;
        if (found->snr_db) {
            reading.noise_dbm = *found->rssi_dbm - *found->snr_db;
        }
        return reading;
    }

  private:
    /// The access point that the interface is associated with; one that is merely heard is not its signal.
    static const trace::Link* serving(const trace::Moment& moment, const std::string& interface) {
        const auto found = std::find_if(moment.links.begin(), moment.links.end(), [&](const trace::Link& link) {
            return link.interface == interface && link.connected.value_or(true);
        });
        return found == moment.links.end() ? nullptr : &*found;
    }

    trace::Trace trace_;
    std::optional<std::chrono::nanoseconds> started_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_replay(const std::filesystem::path& file) {
    Result<trace::Trace> trace = trace::load_links(file);
    if (!trace) {
        return trace.error();
    }
    return std::unique_ptr<Source>(std::make_unique<Replay>(std::move(*trace)));
}

}  // namespace homeward::signal
