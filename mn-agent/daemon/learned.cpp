#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

#include "agent.h"

/// What an engine learned, kept over a restart and while another one is tried.
namespace homeward::mn {
namespace {

/// An agent that is killed forgets what was learned since.
constexpr std::chrono::minutes kInterval{5};

}  // namespace

void Agent::recall_learned() {
    learned_.reset();
    if (!chooser_ || config_.engine.state.empty()) {
        return;
    }
    learned_.emplace(config_.engine.state, config_.engine.name);
    const Result<bool> recalled = learned_->recall(chooser_->engine());
    if (!recalled) {
        last_error_ = recalled.error().text;
        report("engine", last_error_);
    } else if (*recalled) {
        report("engine", config_.engine.name + " goes on from what it learned: " + learned_->path().string());
    }
}

void Agent::keep_learned() {
    if (learned_thread_.joinable()) {
        learned_thread_.join();
    }
    if (!chooser_ || !learned_) {
        return;
    }
    if (const Status kept = learned_->keep(chooser_->engine().snapshot()); !kept) {
        last_error_ = kept.error().text;
        report("engine", "what " + config_.engine.name + " learned is not kept: " + last_error_);
    }
}

/// A disk may take its time: not on this loop.
void Agent::arm_learned_timer() {
    learned_timer_.expires_after(kInterval);
    learned_timer_.async_wait([this](const asio::error_code& error) {
        if (error) {
            return;
        }
        if (learned_thread_.joinable()) {
            learned_thread_.join();
        }
        if (chooser_ && learned_) {
            learned_thread_ = std::thread([file = *learned_, learned = chooser_->engine().snapshot()] {
                if (const Status kept = file.keep(learned); !kept) {
                    spdlog::error("{}", kept.error().text);
                }
            });
        }
        arm_learned_timer();
    });
}

}  // namespace homeward::mn
