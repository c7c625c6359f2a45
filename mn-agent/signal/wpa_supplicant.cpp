#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "descriptor/unique_fd.h"
#include "signal/source.h"
#include "supplicant_text.h"

namespace homeward::signal {
namespace {

constexpr std::chrono::nanoseconds kFresh = std::chrono::seconds(3);  // an older reading tells nothing
constexpr std::string_view kAttach = "ATTACH";
constexpr std::string_view kPoll = "SIGNAL_POLL";

/// One interface's control socket: datagrams both ways; our end needs a name of its own, here an abstract one, which
/// leaves no file behind.
class Control {
  public:
    static std::optional<Control> open(const std::filesystem::path& peer) {
        UniqueFd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        sockaddr_un own{};
        own.sun_family = AF_UNIX;
        sockaddr_un there = own;
        const std::string path = peer.string();
        if (!fd || path.size() >= sizeof there.sun_path) {
            return std::nullopt;
        }
        std::memcpy(there.sun_path, path.c_str(), path.size());
        // Only the family: the kernel picks an abstract name.
        if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own.sun_family) != 0 ||
            ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0) {
            return std::nullopt;
        }
        Control control{std::move(fd)};
        return control.send(kAttach) ? std::optional{std::move(control)} : std::nullopt;
    }

    bool send(std::string_view command) const {
        return ::send(fd_.get(), command.data(), command.size(), MSG_NOSIGNAL) >= 0 || errno == EAGAIN;
    }

    /// Everything that has come since; false: the other end is gone.
    bool take(std::chrono::nanoseconds now) {
        std::array<char, 4096> buffer;
        while (true) {
            const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
            if (size < 0) {
                return errno == EAGAIN || errno == EINTR;
            }
            hear({buffer.data(), static_cast<std::size_t>(size)}, now);
        }
    }
    std::optional<Reading> reading(std::chrono::nanoseconds now) const {
        return reading_ && now - read_at_ <= kFresh ? reading_ : std::nullopt;
    }

  private:
    explicit Control(UniqueFd fd) : fd_(std::move(fd)) {}

    void hear(std::string_view text, std::chrono::nanoseconds now) {
        if (is_disconnection(text)) {
            reading_.reset();
            return;
        }
        std::optional<Reading> heard = signal_change_event(text);
        heard = heard ? heard : signal_poll_answer(text);
        if (heard) {
            reading_ = std::move(heard);
            read_at_ = now;
        }
    }

    UniqueFd fd_;
    std::optional<Reading> reading_;
    std::chrono::nanoseconds read_at_{};
};

class WpaSupplicant : public Source {
  public:
    explicit WpaSupplicant(std::filesystem::path directory) : directory_(std::move(directory)) {}

    std::string name() const override { return "wpa_supplicant"; }

    /// The answer to this question is read with the next one.
    std::optional<Reading> read(const std::string& interface, int, std::chrono::nanoseconds now) override {
        auto found = controls_.find(interface);
        if (found == controls_.end()) {
            std::optional<Control> control = Control::open(directory_ / interface);
            if (!control) {
                return std::nullopt;
            }
            found = controls_.emplace(interface, std::move(*control)).first;
        }
        Control& control = found->second;
        if (!control.take(now) || !control.send(kPoll)) {
            controls_.erase(found);
            return std::nullopt;
        }
        return control.reading(now);
    }

  private:
    std::filesystem::path directory_;
    std::map<std::string, Control> controls_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_wpa_supplicant(const std::filesystem::path& directory) {
    std::error_code error;
    if (!std::filesystem::is_directory(directory, error)) {
        return Error{"wpa_supplicant has no control sockets in " + directory.string()};
    }
    return std::unique_ptr<Source>(std::make_unique<WpaSupplicant>(directory));
}

}  // namespace homeward::signal
