/// What sd_notify(3) asks for, at the receiving end.
#include "service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "descriptor/unique_fd.h"

namespace homeward::mn {
namespace {

/// Listens where `path` says (a leading @: Linux's abstract names), as systemd does.
class Listener {
  public:
    explicit Listener(const std::string& path) : path_(path), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        if (path[0] == '@') {
            address.sun_path[0] = '\0';
        }
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
    }
    ~Listener() { ::unlink(path_.c_str()); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// The datagram that waits; empty when none does.
    std::string heard() const {
        char text[64];
        const ssize_t size = ::recv(fd_.get(), text, sizeof text, 0);
        return {text, static_cast<std::size_t>(size > 0 ? size : 0)};
    }

  private:
    std::string path_;
    UniqueFd fd_;
};

class ServiceManager : public testing::TestWithParam<std::string> {
  protected:
    void TearDown() override { ::unsetenv("NOTIFY_SOCKET"); }
};

TEST_P(ServiceManager, HearsTheState) {
    const std::string path = GetParam() + std::to_string(::getpid());
    const Listener listener{path};
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    tell_service_manager("READY=1");
    EXPECT_EQ(listener.heard(), "READY=1");
}

INSTANTIATE_TEST_SUITE_P(Names, ServiceManager, testing::Values("/tmp/homeward-notify-", "@homeward-notify-"));

TEST_F(ServiceManager, MayBeAbsent) {
    const std::string path = "@homeward-notify-" + std::to_string(::getpid());
    const Listener listener{path};
    for (const std::string& name :
         {std::string(), std::string("vsock:2:1"), "relative" + path, path + std::string(200, 'x')}) {
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
        tell_service_manager("READY=1");
        EXPECT_EQ(listener.heard(), "") << name;
    }
    ::unsetenv("NOTIFY_SOCKET");
    tell_service_manager("READY=1");
    EXPECT_EQ(listener.heard(), "");
}

}  // namespace
}  // namespace homeward::mn
