#include "resolver/resolv_conf.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

namespace homeward::resolver {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = "# Written by homeward-mn while it runs; what was here is in ";

std::string read(const fs::path& file) {
    std::ifstream in(file);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

/// Lines of a resolv.conf that are not about servers.
std::string without_servers(const std::string& text) {
    std::istringstream in(text);
    std::string result;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("search") || line.starts_with("domain") || line.starts_with("options")) {
            result += line + '\n';
        }
    }
    return result;
}

bool is_there(const fs::path& file) {
    std::error_code error;
    return fs::exists(fs::symlink_status(file, error));
}

/// A file that is a mount point can be written, but neither renamed nor replaced.
bool write_in_place(const fs::path& file, const std::string& text) {
    std::ofstream out(file, std::ios::trunc);
    out << text;
    out.close();
    return out.good();
}

}  // namespace

bool ResolvConf::ours() const {
    return read(file_).starts_with(kMark);
}

Status ResolvConf::keep_what_is_there() const {
    std::error_code error;
    if (!is_there(file_) || ours()) {
        return {};  // nothing to keep, or kept by a run that was killed
    }
    fs::remove(before_, error);
    fs::copy(file_, before_, fs::copy_options::copy_symlinks, error);
    if (error) {
        return Error{"keeping " + file_.string() + " as " + before_.string() + ": " + error.message()};
    }
    return {};
}

/// In one step where possible: no reader finds half a file.
Status ResolvConf::write(const std::string& text) const {
    const fs::path fresh = file_.string() + ".homeward";
    std::error_code error;
    if (write_in_place(fresh, text)) {
        fs::rename(fresh, file_, error);
        if (!error) {
            return {};
        }
    }
    fs::remove(fresh, error);
    if (write_in_place(file_, text)) {
        return {};
    }
    return Error{"writing " + file_.string() + ": " + std::strerror(errno)};
}

Status ResolvConf::use(const std::vector<wire::Ipv4Address>& servers) const {
    if (Status status = keep_what_is_there(); !status) {
        return status;
    }
    std::string text = std::string(kMark) + before_.string() + '\n';
    for (const wire::Ipv4Address server : servers) {
        text += "nameserver " + server.to_string() + '\n';
    }
    return write(text + without_servers(read(before_)));
}

bool ResolvConf::put_back() const {
    std::error_code error;
    if (!is_there(before_)) {
        return fs::remove(file_, error) || write_in_place(file_, "");
    }
    fs::rename(before_, file_, error);
    if (!error) {
        return true;
    }
    return write_in_place(file_, read(before_)) && fs::remove(before_, error);
}

bool ResolvConf::restore() const {
    if (ours()) {
        return put_back();
    }
    std::error_code error;
    return fs::remove(before_, error);
}

}  // namespace homeward::resolver
