#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace homeward::admin {

enum class MetricType { counter, gauge };

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Writes the Prometheus text exposition format 0.0.4: a family, then its samples, then the next family.
///
///     MetricsText text;
///     text.family("homeward_uplink_bytes_total", "Bytes carried by an uplink.", MetricType::counter);
///     text.sample({{"uplink", "wlan"}, {"direction", "tx"}}, 4711);
class MetricsText {
  public:
    /// `name`: [a-z_][a-z0-9_]*, counters end in `_total`; other characters become `_`.
    void family(std::string_view name, std::string_view help, MetricType type);
    /// Of the family begun last.
    void sample(Labels labels, std::uint64_t value);
    void sample(Labels labels, double value);

    const std::string& text() const { return text_; }

  private:
    void begin_sample(Labels labels);

    std::string family_;
    std::string text_;
};

}  // namespace homeward::admin
