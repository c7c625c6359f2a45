#pragma once

#include <sys/types.h>

#include <filesystem>

#include "result/result.h"

namespace homeward::admin {

/// A listening UNIX stream socket and its file; closing it removes the file, unless another process has put its own
/// there meanwhile.
class SocketFile {
  public:
    /// Creates the directory when it is missing. A file that nobody answers on (left behind by a killed process) is
    /// replaced; anything else at that path is an error.
    static Result<SocketFile> listen(const std::filesystem::path& path);

    SocketFile(SocketFile&& other) noexcept;
    SocketFile& operator=(SocketFile&& other) noexcept;
    ~SocketFile();
    SocketFile(const SocketFile&) = delete;
    SocketFile& operator=(const SocketFile&) = delete;

    /// Hands the descriptor to its user, who closes it; the file stays this object's.
    int release();

  private:
    SocketFile(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}

    std::filesystem::path path_;
    int fd_ = -1;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

}  // namespace homeward::admin
