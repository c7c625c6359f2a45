#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ipc/messages.h"
#include "mailbox/apply.h"
#include "mailbox/frame.h"

namespace asio {
class io_context;
}

namespace homeward::mailbox {

/// The data plane's end of the connection with homeward-control.
///
/// It connects, says hello, applies what comes in order, and after each batch acknowledges the highest sequence: by
/// then `Apply` has published it with release stores, so every packet a worker takes up afterwards sees it. When the
/// connection ends, what is in force stays in force, forwarding goes on, and it tries again after 50 ms, doubling up
/// to 1 s, for as long as it takes. Everything runs on the event loop's thread, which is the tables' writer.
class Link {
  public:
    struct Events {
        std::function<CounterList()> counters;  ///< asked for by control
        std::function<void(std::vector<Announcement>)> announce;
        std::function<void(const std::string&)> log;  ///< one line when the state changes, not per attempt
    };

    Link(asio::io_context& loop, std::filesystem::path socket, const ipc::Hello& hello, Apply& apply, Events events);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    void start();
    bool connected() const noexcept;

  private:
    class Connection;
    std::unique_ptr<Connection> connection_;
};

}  // namespace homeward::mailbox
