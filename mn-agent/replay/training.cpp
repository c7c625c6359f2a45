#include "replay/training.h"

#include "selection/pmp.h"
#include "trace/links.h"

namespace homeward::replay {
namespace {

std::vector<selection::Point> walk_of(const trace::Trace& trace, const selection::Plane& plane, double period_s) {
    std::vector<selection::Point> walk;
    double due = trace.moments.front().t_s;
    for (const trace::Moment& moment : trace.moments) {
        if (moment.t_s >= due && moment.device.latitude && moment.device.longitude) {
            walk.push_back(
                plane.point({*moment.device.latitude, *moment.device.longitude, 0, std::nullopt, moment.t_s}));
            due = moment.t_s + period_s;
        }
    }
    return walk;
}

}  // namespace

Status train(selection::Engine& engine, double period_s, const std::vector<std::filesystem::path>& traces) {
    auto* predictor = dynamic_cast<selection::Pmp*>(&engine);
    for (const std::filesystem::path& file : traces) {
        const Result<trace::Trace> trace = trace::load_links(file);
        if (!trace) {
            return trace.error();
        }
        const auto walk =
            predictor == nullptr ? std::vector<selection::Point>{} : walk_of(*trace, predictor->plane(), period_s);
        if (predictor != nullptr && walk.size() < 3) {
            return Error{file.string() + ": a walk of three positions or more is needed to learn from"};
        }
        if (predictor != nullptr) {
            predictor->model().train(walk);
        }
    }
    return {};
}

}  // namespace homeward::replay
