#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace homeward::mn::registration {

/// When one uplink's NAT mapping needs an echo, and when it is lost (RFC 3519 §4.9, §4.10).
///
/// Silence for the interval sends an echo. It is repeated after 1 s and after another 2 s; unanswered 4 s later the
/// mapping is lost. The interval then halves, down to 10 s, until the uplink moves to another network.
class KeepaliveTimer {
  public:
    using Duration = std::chrono::nanoseconds;
    enum class Verdict : std::uint8_t { nothing, send_echo, mapping_lost };

    /// Starts, or goes on, with the interval in force; `spread` in 0–1 shortens it by up to a tenth.
    void start(std::chrono::seconds interval, double spread, Duration now) noexcept;
    void stop() noexcept;
    /// Forgets that mappings were lost: another network, another NAT.
    void moved() noexcept { longest_.reset(); }

    void sent(Duration now) noexcept;
    /// Asks at once, whatever was sent lately. No effect while an echo is out.
    void probe(Duration now) noexcept;
    void answered(Duration now) noexcept;
    Verdict tick(Duration now) noexcept;
    std::optional<Duration> deadline() const noexcept { return deadline_; }

    bool waiting() const noexcept { return echoes_ > 0; }
    std::chrono::seconds interval() const noexcept;

  private:
    Duration silence() const noexcept;

    std::chrono::seconds assigned_{0};
    std::optional<std::chrono::seconds> longest_;  ///< after a loss
    double spread_ = 0;
    unsigned echoes_ = 0;  ///< sent in a row without an answer
    std::optional<Duration> deadline_;
};

}  // namespace homeward::mn::registration
