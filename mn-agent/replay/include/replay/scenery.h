#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "selection/observation.h"
#include "trace/flows.h"
#include "trace/links.h"

namespace homeward::replay {

/// A trace's interfaces by number: those named beforehand, then the others as they appear.
class Interfaces {
  public:
    Interfaces() = default;
    explicit Interfaces(std::vector<std::string> names) : names_(std::move(names)) {}

    /// kNoInterface: there are 255 already.
    selection::InterfaceId number(std::string_view name);
    const std::string& name(selection::InterfaceId number) const;

  private:
    std::vector<std::string> names_;
};

/// What an engine may see of one moment of a trace. A link counts as up while it is heard: an access point that the
/// interface is not associated with could be joined. `event` link_down says that it is not. What does not fit into an
/// observation is left out.
void observe(const trace::Moment& moment, Interfaces& interfaces, selection::Observation& seen);
/// Adds the flows that are there at `t_s`; those without an interface yet are on none.
void observe(const std::vector<trace::Flow>& flows, double t_s, selection::Observation& seen);

selection::Technology technology_of(trace::Technology technology);

}  // namespace homeward::replay
