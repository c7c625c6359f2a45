#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace homeward::config {

/// A directory of its own, gone at the end; error texts are compared without its name.
class Scratch {
  public:
    Scratch() {
        std::string name = (std::filesystem::temp_directory_path() / "homeward-config-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("mkdtemp " + name);
        }
        path_ = name;
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    std::filesystem::path write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
        const auto file = path_ / name;
        std::ofstream{file} << text;
        chmod(file.c_str(), mode);
        return file;
    }
    std::string without_path(std::string text) const {
        const std::string prefix = path_.string() + "/";
        for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) {
            text.erase(at, prefix.size());
        }
        return text;
    }

  private:
    std::filesystem::path path_;
};

/// `text` with its one occurrence of `from` replaced, as the rows of a test describe a mistake.
inline std::string with(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    if (at == std::string::npos) {
        throw std::logic_error("no such text: " + from);
    }
    return text.replace(at, from.size(), to);
}

}  // namespace homeward::config
