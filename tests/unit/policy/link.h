#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <vector>

#include "policy/sync.h"

namespace homeward::policy {

/// One direction of a path: a rate, a delay, a queue that drops at its end, and misfortunes.
struct LinkShape {
    double bits_per_s = 0;  ///< 0: no bottleneck
    Time delay{};
    std::size_t queue_bytes = 64 * 1024;
    double loss = 0;
    double duplication = 0;
    double reordering = 0;  ///< so many are held up by half the delay
};

/// A seeded node, path and home agent in simulated time: everything that moves is an event.
class Path {
  public:
    Path(LinkShape up, LinkShape down, std::uint32_t seed) : up_{up}, down_{down}, random_(seed) {}

    SyncSender sender;
    SyncReceiver receiver;
    SyncLimits limits;
    SyncReceiver::Find find;
    /// As the home agent's replay protection does: what is older than the newest is not taken.
    bool in_order_only = true;
    std::size_t capacity = 1000;
    std::vector<SyncReceiver::Table> applied;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;  ///< of IP packets, upwards
    std::uint64_t dropped = 0;

    Time now() const { return now_; }

    void set(const Policy& policy, std::uint32_t version) {
        sender.set(std::make_shared<const Policy>(policy), {version, digest(encode(policy))});
    }

    /// Something the node would send anyway: a registration or its renewal.
    void register_now() { send(); }

    /// Runs until the node sees its table in force, or the time is over.
    bool run(Time limit) {
        const Time end = now_ + limit;
        while (now_ < end) {
            while (sender.due(now_)) {
                send();
            }
            if (sender.synchronised()) {
                return true;
            }
            Time next = sender.next_deadline().value_or(end);
            if (!events_.empty()) {
                next = std::min(next, events_.top().at);
            }
            now_ = std::max(now_, std::min(next, end));
            deliver();
        }
        return sender.synchronised();
    }

    /// When the newest table came into force at the home agent.
    Time applied_at{};

  private:
    struct Event {
        Time at;
        std::uint64_t number;
        bool upward;
        std::uint64_t identification;
        wire::Bytes payload;
        bool operator<(const Event& other) const { return at != other.at ? at > other.at : number > other.number; }
    };
    struct Direction {
        LinkShape shape;
        Time busy_until{};
    };

    bool happens(double probability) { return std::uniform_real_distribution<>{}(random_) < probability; }

    /// IPv4, UDP, registration request, NAI, UDP tunnel request, Multipath, authentication; RFC 3115 headers.
    static std::size_t packet_size(const wire::Bytes& payload) {
        return 28 + 24 + 20 + 8 + 8 + 38 + payload.size() + 10 * ((payload.size() + 246) / 247);
    }

    void send() {
        const wire::Bytes payload = sender.request(capacity, now_);
        ++messages;
        bytes += packet_size(payload);
        transmit(up_, true, ++identification_, payload);
    }

    void transmit(Direction& direction, bool upward, std::uint64_t identification, const wire::Bytes& payload) {
        const LinkShape& shape = direction.shape;
        Time leaves = now_;
        if (shape.bits_per_s > 0) {
            const auto took = [&](std::size_t size) {
                return Time{static_cast<std::int64_t>(static_cast<double>(size) * 8e9 / shape.bits_per_s)};
            };
            direction.busy_until = std::max(direction.busy_until, now_);
            if (direction.busy_until - now_ > took(shape.queue_bytes)) {
                ++dropped;
                return;
            }
            direction.busy_until += took(packet_size(payload));
            leaves = direction.busy_until;
        }
        if (happens(shape.loss)) {
            return;
        }
        const Time late = happens(shape.reordering) ? shape.delay / 2 : Time{};
        events_.push({leaves + shape.delay + late, ++number_, upward, identification, payload});
        if (happens(shape.duplication)) {
            events_.push({leaves + shape.delay + late, ++number_, upward, identification, payload});
        }
    }

    void deliver() {
        while (!events_.empty() && events_.top().at <= now_) {
            const Event event = events_.top();
            events_.pop();
            if (event.upward) {
                at_home_agent(event);
            } else {
                sender.reply(event.payload, now_);
            }
        }
    }

    void at_home_agent(const Event& event) {
        if (in_order_only && event.identification <= newest_) {
            return;
        }
        newest_ = std::max(newest_, event.identification);
        auto outcome = receiver.request(event.payload, now_, limits, find);
        if (outcome.table) {
            receiver.in_force(outcome.table->generation, outcome.table->encoded);
            applied.push_back(*std::move(outcome.table));
            applied_at = now_;
        }
        transmit(down_, false, event.identification, receiver.reply(event.payload.size()));
    }

    Direction up_, down_;
    std::mt19937 random_;
    Time now_{std::chrono::hours{1}};
    std::priority_queue<Event> events_;
    std::uint64_t number_ = 0;
    std::uint64_t identification_ = 0;
    std::uint64_t newest_ = 0;
};

}  // namespace homeward::policy
