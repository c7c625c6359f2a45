#pragma once

#include <algorithm>

#include "selection/observation.h"

namespace homeward::selection {

/// Something an engine remembers for each link. Full: what was touched the longest ago makes room.
template <typename T>
class LinkTable {
  public:
    T& at(LinkKey key, Seconds now) {
        auto* found = std::find_if(rows_.begin(), rows_.end(), [&](const Row& each) { return each.key == key; });
        if (found == rows_.end()) {
            if (rows_.push_back({})) {
                found = &rows_.back();
            } else {
                found = std::min_element(rows_.begin(), rows_.end(),
                                         [](const Row& a, const Row& b) { return a.touched < b.touched; });
                *found = Row{};
            }
            found->key = key;
        }
        found->touched = now;
        return found->value;
    }
    const T* find(LinkKey key) const {
        const auto* found = std::find_if(rows_.begin(), rows_.end(), [&](const Row& each) { return each.key == key; });
        return found == rows_.end() ? nullptr : &found->value;
    }
    void clear() { rows_.clear(); }

  private:
    struct Row {
        LinkKey key;
        Seconds touched = 0;
        T value{};
    };
    Bounded<Row, kMaxLinks> rows_;
};

}  // namespace homeward::selection
