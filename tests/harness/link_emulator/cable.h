#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "port.h"
#include "way.h"

namespace harness::link {

/// How much later than it should a frame left.
class Lateness {
  public:
    void add(nanoseconds late) noexcept;
    /// The least number of microseconds that `share` of the frames were not later than.
    unsigned quantile(double share) const noexcept;
    double worst_us() const noexcept { return worst_ / 1e3; }

  private:
    std::vector<std::uint64_t> per_microsecond_ = std::vector<std::uint64_t>(20'000);
    std::uint64_t count_ = 0;
    double worst_ = 0;
};

/// Frames that travel from one port to another.
class Lane {
  public:
    Lane(Port& from, Port& to, std::uint64_t seed) : from_(from), to_(to), way_(seed) {}

    Way& way() noexcept { return way_; }
    /// Takes what has arrived.
    void take();
    /// Sends what is due; returns when the next is, nanoseconds::max() if none is under way.
    nanoseconds deliver();
    nlohmann::json report();

  private:
    struct Held {
        nanoseconds due;
        std::uint64_t order;
        std::vector<std::byte> frame;
        bool operator>(const Held& other) const noexcept {
            return due != other.due ? due > other.due : order > other.order;
        }
    };
    std::vector<std::byte> room();
    void send(const Held& held);

    Port& from_;
    Port& to_;
    Way way_;
    std::vector<Held> under_way_;                ///< a heap, the next to leave at its front
    std::vector<std::vector<std::byte>> spare_;  ///< of frames that have left
    std::uint64_t order_ = 0, delivered_ = 0, refused_ = 0;
    Lateness lateness_;
};

/// Two interfaces and what lies between them.
class Cable {
  public:
    Cable(const std::string& first, const std::string& second, std::uint64_t seed)
        : ports_{Port{first}, Port{second}},
          forward_{ports_[0], ports_[1], seed},
          backward_{ports_[1], ports_[0], ~seed} {}

    Lane& forward() noexcept { return forward_; }    ///< first → second
    Lane& backward() noexcept { return backward_; }  ///< second → first
    const std::array<Port, 2>& ports() const noexcept { return ports_; }

  private:
    std::array<Port, 2> ports_;
    Lane forward_, backward_;
};

}  // namespace harness::link
