#pragma once

#include <filesystem>

#include "result/result.h"
#include "selection/engine.h"

namespace homeward::choice {

/// What an engine learned, kept over a restart: `<directory>/<engine>.learned`, text whose first lines say whose it is
/// and how many numbers with which checksum follow. Errors name the file and say what becomes of it.
class LearnedFile {
  public:
    LearnedFile(const std::filesystem::path& directory, std::string_view engine);

    const std::filesystem::path& path() const { return path_; }
    /// Gives the engine what the file holds. False: there is no file. On an error the engine knows what it knew before,
    /// and a file that is none of ours, or was written by a later release, is never written over.
    Result<bool> recall(selection::Engine& engine);
    /// In one step: whoever reads, or finds it after a crash, finds the old numbers or the new ones. An engine that
    /// learned nothing leaves no file.
    Status keep(std::span<const double> learned) const;

  private:
    Result<std::vector<double>> read();

    std::filesystem::path path_;
    std::string engine_;
    bool foreign_ = false;
};

}  // namespace homeward::choice
