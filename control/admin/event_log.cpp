#include "admin/event_log.h"

#include <chrono>
#include <nlohmann/json.hpp>

namespace homeward::admin {

using nlohmann::json;

bool Subscription::offer(const std::string& line) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        if (pending_.overrun) {
            return false;
        }
        // A reader that was woken and has not come yet need not be woken again.
        wake = pending_.lines.empty();
        if (pending_.lines.size() >= capacity_) {
            pending_.overrun = true;
        } else {
            pending_.lines.push_back(line);
        }
    }
    if (wake) {
        wake_();
    }
    return true;
}

Subscription::Batch Subscription::take() {
    const std::lock_guard lock(mutex_);
    Batch taken{.lines = std::move(pending_.lines), .overrun = pending_.overrun};
    pending_.lines.clear();
    return taken;
}

void EventLog::push(std::string_view event, std::string_view text) {
    push(event, text, json::object());
}

void EventLog::push(std::string_view event, std::string_view text, const json& more) {
    const std::lock_guard lock(mutex_);
    std::erase_if(subscriptions_, [](const auto& weak) { return weak.expired(); });
    if (subscriptions_.empty()) {
        return;
    }
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    json document = more.is_object() ? more : json::object();
    document["time_unix"] = static_cast<double>(now.count()) / 1000.0;
    document["event"] = event;
    document["text"] = text;
    const std::string line = document.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
    std::erase_if(subscriptions_, [&line](const auto& weak) {
        const auto subscription = weak.lock();
        return subscription == nullptr || !subscription->offer(line);
    });
}

std::shared_ptr<Subscription> EventLog::subscribe(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Subscription> subscription(new Subscription(capacity_, std::move(wake)));
    subscriptions_.push_back(subscription);
    return subscription;
}

}  // namespace homeward::admin
