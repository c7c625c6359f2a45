#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace homeward::admin {

/// One reader's queue of an EventLog. Bounded: a reader that does not keep up loses its subscription, never the
/// daemon its memory.
class Subscription {
  public:
    struct Batch {
        std::deque<std::string> lines;  ///< complete, newline included
        bool overrun = false;           ///< the queue was full: nothing follows these lines
    };

    /// What is queued, oldest first. Thread-safe.
    Batch take();

  private:
    friend class EventLog;
    Subscription(std::size_t capacity, std::function<void()> wake) : capacity_(capacity), wake_(std::move(wake)) {}
    /// False once the queue has overrun.
    bool offer(const std::string& line);

    const std::size_t capacity_;
    const std::function<void()> wake_;
    std::mutex mutex_;
    Batch pending_;
};

/// What happens in a daemon, for `GET /v1/events`: pushed by the daemon, read by any number of subscribers.
/// Thread-safe. Nothing is kept for later subscribers.
class EventLog {
  public:
    explicit EventLog(std::size_t capacity = 1024) : capacity_(capacity) {}

    /// `event` and `text` as in docs/admin-api.md: a fixed word, and one sentence.
    void push(std::string_view event, std::string_view text);
    /// `more`: an object whose members join the line.
    void push(std::string_view event, std::string_view text, const nlohmann::json& more);

    /// `wake` is called from the pushing thread when the subscription has something to take and must not block.
    /// The subscription ends with the returned pointer.
    std::shared_ptr<Subscription> subscribe(std::function<void()> wake);

  private:
    const std::size_t capacity_;
    std::mutex mutex_;
    std::vector<std::weak_ptr<Subscription>> subscriptions_;
};

}  // namespace homeward::admin
