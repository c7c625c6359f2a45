#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>

#include "population.h"

namespace bench {

/// Handovers: node after node prefers its other uplink, and back. Called on the tables' writer's thread.
class Updates {
  public:
    /// `per_second`: at most so many.
    Updates(tables::Tables& tables, const Population& population, double per_second)
        : tables_(tables), population_(population), limit_(per_second) {}

    /// A batch as a packet from control brings it, when it is due.
    void some() {
        constexpr unsigned kBatch = 64;
        if (made_ != 0 && per_second() > limit_) {
            return;
        }
        for (unsigned i = 0; i < kBatch; ++i, ++made_) {
            ipc::Binding record = population_.binding(next_, 1);
            record.uplinks[made_ / population_.nodes() % 2].flags = 0;
            if (const Status put = tables_.put_binding(record); !put) {
                throw std::runtime_error{put.error().text};
            }
            next_ = next_ + 1 == population_.nodes() ? 0 : next_ + 1;
        }
        tables_.reclaim();
    }
    double per_second() const {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began_;
        return static_cast<double>(made_) / spent.count();
    }

  private:
    tables::Tables& tables_;
    const Population& population_;
    double limit_;
    std::uint32_t next_ = 0;
    std::uint64_t made_ = 0;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace bench
