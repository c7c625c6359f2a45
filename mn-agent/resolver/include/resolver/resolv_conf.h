#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "result/result.h"
#include "wire/ipv4.h"

namespace homeward::resolver {

/// The file in which the C library finds its DNS servers (resolv.conf(5)), for as long as the agent wants others there.
/// What was there, file or symbolic link, waits beside it under the name `.before-homeward`, so that a later run, or a
/// person, finds it even after kill -9 and a reboot. A file that another program has written meanwhile is that
/// program's: it is left alone.
class ResolvConf {
  public:
    explicit ResolvConf(std::filesystem::path file)
        : file_(std::move(file)), before_(file_.string() + ".before-homeward") {}

    /// Names these servers alone. Search domains and options of the file that was there stay.
    Status use(const std::vector<wire::Ipv4Address>& servers) const;
    /// Puts back what was there. True: something was changed.
    bool restore() const;

  private:
    bool ours() const;
    Status keep_what_is_there() const;
    Status write(const std::string& text) const;
    bool put_back() const;

    std::filesystem::path file_;
    std::filesystem::path before_;
};

}  // namespace homeward::resolver
