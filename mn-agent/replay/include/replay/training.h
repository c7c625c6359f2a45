#pragma once

#include <filesystem>
#include <vector>

#include "result/result.h"
#include "selection/engine.h"

namespace homeward::replay {

/// Lets an engine that predicts places learn from the positions of recorded walks, one each `period_s`. Other engines
/// learn nothing. The error names the file.
Status train(selection::Engine& engine, double period_s, const std::vector<std::filesystem::path>& traces);

}  // namespace homeward::replay
