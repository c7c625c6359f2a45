#pragma once

#include <string>
#include <utility>

#include "result/result.h"

namespace homeward::bpf {

/// A pair of veths, for nothing but the kernel's GRO behind it: what a program redirects to the near end arrives at the
/// far end with TCP's packets joined into large segments. Named after the device that they are joined for; without
/// addresses, ARP and IPv6, so that nothing else travels there. Goes with the object.
class Joiner {
  public:
    /// For the device of that index; replaces the pair that an earlier run left. The error says why not, in one line.
    static Result<Joiner> make(int interface);
    ~Joiner();
    Joiner(Joiner&& other) noexcept : near_(std::exchange(other.near_, 0)), far_(other.far_) {}
    Joiner& operator=(Joiner&& other) noexcept;
    Joiner(const Joiner&) = delete;
    Joiner& operator=(const Joiner&) = delete;

    /// Indices.
    int near() const noexcept { return near_; }
    int far() const noexcept { return far_; }

  private:
    Joiner(int near, int far) : near_(near), far_(far) {}

    int near_;  ///< 0: moved from
    int far_;
};

}  // namespace homeward::bpf
