#include "socket_file.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace homeward::admin {

namespace {

constexpr mode_t kMode = 0660;
constexpr int kBacklog = 64;

Error failure(const std::filesystem::path& path, std::string_view what) {
    return Error{fmt::format("admin socket {}: {}: {}", path.native(), what, std::strerror(errno))};
}

bool fill_address(const std::filesystem::path& path, sockaddr_un& address) {
    address.sun_family = AF_UNIX;
    if (path.empty() || path.native().size() >= sizeof(address.sun_path)) {
        return false;
    }
    std::memcpy(address.sun_path, path.c_str(), path.native().size() + 1);
    return true;
}

/// Whether a process listens there. Anything but a refusal counts as a yes: a full backlog is alive, too.
bool answered(const sockaddr_un& address) {
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) {
        return true;
    }
    const int connected = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    const bool refused = connected != 0 && errno == ECONNREFUSED;
    ::close(probe);
    return !refused;
}

Status clear_stale(const std::filesystem::path& path, const sockaddr_un& address) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        return errno == ENOENT ? Status() : failure(path, "cannot look at it");
    }
    if (!S_ISSOCK(status.st_mode)) {
        return Error{
            fmt::format("admin socket {}: a file that is not a socket is in the way: remove it or set "
                        "another admin_socket",
                        path.native())};
    }
    if (answered(address)) {
        return Error{
            fmt::format("admin socket {}: another process answers on it: stop that one first, or set another "
                        "admin_socket",
                        path.native())};
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return failure(path, "cannot remove the one a killed process left behind");
    }
    return {};
}

}  // namespace

Result<SocketFile> SocketFile::listen(const std::filesystem::path& path) {
    sockaddr_un address{};
    if (!fill_address(path, address)) {
        return Error{fmt::format("admin socket {}: the path must have 1 to {} bytes", path.native(),
                                 sizeof(address.sun_path) - 1)};
    }
    if (path.has_parent_path()) {
        std::error_code error;
        std::filesystem::create_directories(path.parent_path(), error);
        if (error) {
            return Error{
                fmt::format("admin socket {}: cannot create its directory: {}", path.native(), error.message())};
        }
    }
    if (const Status clear = clear_stale(path, address); !clear) {
        return clear.error();
    }
    SocketFile file(path, ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (file.fd_ < 0) {
        return failure(path, "cannot open a socket");
    }
    if (::bind(file.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        return failure(path, "cannot bind");
    }
    // Nobody can connect before listen(), so the mode is right from the first connection on.
    struct stat status {};
    if (::chmod(path.c_str(), kMode) != 0 || ::stat(path.c_str(), &status) != 0 || ::listen(file.fd_, kBacklog) != 0) {
        Error error = failure(path, "cannot listen");
        ::unlink(path.c_str());
        return error;
    }
    file.device_ = status.st_dev;
    file.inode_ = status.st_ino;
    return file;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      fd_(std::exchange(other.fd_, -1)),
      device_(other.device_),
      inode_(std::exchange(other.inode_, 0)) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    std::swap(device_, other.device_);
    std::swap(inode_, other.inode_);
    return *this;
}

SocketFile::~SocketFile() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
    struct stat status {};
    if (inode_ != 0 && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
        ::unlink(path_.c_str());
    }
}

int SocketFile::release() {
    return std::exchange(fd_, -1);
}

}  // namespace homeward::admin
