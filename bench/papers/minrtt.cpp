#include "minrtt.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

namespace homeward::papers {
namespace {

constexpr double kSegmentMb = 1460 * 8e-6;  // megabits

/// Part of the stream, by when it gets to the receiver.
struct Arrival {
    double at_s;
    double place;  // megabits of the stream before it
    double amount;
};

/// What of it arrived after something that stands behind it.
double out_of_order(std::vector<Arrival> arrivals) {
    std::stable_sort(arrivals.begin(), arrivals.end(),
                     [](const Arrival& a, const Arrival& b) { return a.at_s < b.at_s; });
    double farthest = 0;
    double late = 0;
    for (const Arrival& each : arrivals) {
        late += each.place < farthest ? each.amount : 0;
        farthest = std::max(farthest, each.place);
    }
    return late;
}

/// A subflow with Reno's window over a queue of one bandwidth-delay product. Units: megabits, seconds.
class Subflow {
  public:
    Subflow(double rtt_s, double tick_s) : rtt_(rtt_s), tick_(tick_s), echo_(ticks(rtt_s)) {}

    double room() const { return dead_ ? 0 : std::max(0.0, window_ - on_way_); }
    double on_way() const { return on_way_; }
    double srtt(double mbps) const { return rtt_ + (mbps > 0 ? queue_ / mbps : 1e3); }
    void send(double place, double amount) {
        if (amount > 0) {
            waiting_.push_back({0, place, amount});
        }
        queue_ += amount;
        on_way_ += amount;
    }

    /// One tick of a link of `mbps`; what was acknowledged in it. What gets through is noted in `arrivals`.
    double tick(double now_s, double mbps, double rto_s, std::vector<Arrival>& arrivals) {
        const double served = std::min(queue_, mbps * tick_);
        queue_ -= served;
        serve(now_s + rtt_ / 2, served, arrivals);
        echo_.push_back(served);
        const double acked = echo_.front();
        echo_.pop_front();
        on_way_ = std::max(0.0, on_way_ - acked);
        grow(acked);
        if (queue_ > mbps * rtt_ && mbps > 0 && cooling_ <= 0) {
            threshold_ = std::max(2 * kSegmentMb, window_ / 2);
            window_ = threshold_;
            cooling_ = rtt_;
        }
        cooling_ -= tick_;
        watch(mbps, acked, rto_s);
        return acked;
    }
    /// What is to be sent again elsewhere, once.
    double take_lost() { return std::exchange(lost_, 0); }

  private:
    std::size_t ticks_of(double seconds) const { return static_cast<std::size_t>(seconds / tick_ + 0.5); }
    std::deque<double> ticks(double seconds) const {
        return std::deque<double>(std::max<std::size_t>(1, ticks_of(seconds)), 0.0);
    }

    void serve(double arrives_s, double amount, std::vector<Arrival>& arrivals) {
        while (amount > 1e-12 && !waiting_.empty()) {
            Arrival& first = waiting_.front();
            const double part = std::min(amount, first.amount);
            arrivals.push_back({arrives_s, first.place, part});
            first.place += part;
            first.amount -= part;
            amount -= part;
            if (first.amount <= 1e-12) {
                waiting_.pop_front();
            }
        }
    }

    void grow(double acked) {
        const bool slow_start = window_ < threshold_;
        window_ += slow_start ? acked : acked * kSegmentMb / window_;
    }

    void watch(double mbps, double acked, double rto_s) {
        silent_ = acked > 0 || on_way_ <= 0 ? 0 : silent_ + tick_;
        if (!dead_ && silent_ >= rto_s * backoff_) {
            dead_ = true;
            backoff_ = std::min(backoff_ * 2, 64.0);
            lost_ = on_way_;
            on_way_ = queue_ = 0;
            waiting_.clear();
            std::fill(echo_.begin(), echo_.end(), 0.0);
            window_ = 10 * kSegmentMb;
            retry_ = rto_s * backoff_;
        }
        if (dead_) {
            retry_ -= tick_;
            if (retry_ <= 0) {
                dead_ = mbps <= 0;
                backoff_ = dead_ ? std::min(backoff_ * 2, 64.0) : 1;
                retry_ = rto_s * backoff_;
                silent_ = 0;
            }
        }
    }

    double rtt_, tick_;
    std::deque<double> echo_;
    std::deque<Arrival> waiting_;
    double window_ = 10 * kSegmentMb;
    double threshold_ = 1e9;
    double queue_ = 0, on_way_ = 0, lost_ = 0;
    double cooling_ = 0, silent_ = 0, retry_ = 0, backoff_ = 1;
    bool dead_ = false;
};

}  // namespace

MinRttResult minrtt(const std::vector<double>& wlan_mbps, double lte_mbps, const MinRttSettings& settings) {
    Subflow wlan{settings.wlan_rtt_s, settings.tick_s};
    Subflow lte{settings.lte_rtt_s, settings.tick_s};
    const double buffer = settings.buffer_mb * 8;
    const int ticks = static_cast<int>(std::lround(1 / settings.tick_s));
    double again = 0;
    double place = 0;
    double now = 0;
    std::vector<Arrival> arrivals;
    MinRttResult result;
    for (const double mbps : wlan_mbps) {
        double acked = 0;
        for (int tick = 0; tick < ticks; ++tick) {
            const double lost = wlan.take_lost();
            again += lost;
            result.lost += lost;
            double room = std::max(0.0, buffer - wlan.on_way() - lte.on_way() - again) + again;
            const bool wlan_first = wlan.srtt(mbps) <= lte.srtt(lte_mbps);
            for (Subflow* each : {wlan_first ? &wlan : &lte, wlan_first ? &lte : &wlan}) {
                const double amount = std::min(room, each->room());
                each->send(place, amount);
                place += amount;
                room -= amount;
                again = std::max(0.0, again - amount);
            }
            const double over_lte = lte.tick(now, lte_mbps, settings.rto_s, arrivals);
            acked += wlan.tick(now, mbps, settings.rto_s, arrivals) + over_lte;
            result.over_lte += over_lte;
            now += settings.tick_s;
        }
        result.series_mbps.push_back(acked);
    }
    result.reordered = out_of_order(std::move(arrivals));
    return result;
}

}  // namespace homeward::papers
