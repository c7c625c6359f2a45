#include "routes.h"

namespace homeward::admin {

void Routes::add(std::string_view method, std::string path, Action action) {
    if (path.ends_with("/*")) {
        path.pop_back();
        one_more_[path].insert_or_assign(std::string(method), std::move(action));
    } else {
        exact_[path].insert_or_assign(std::string(method), std::move(action));
    }
}

Routes::Match Routes::find(std::string_view method, std::string_view path) const {
    Match match;
    const Methods* methods = nullptr;
    if (const auto exact = exact_.find(path); exact != exact_.end()) {
        methods = &exact->second;
    } else {
        const std::size_t segment = path.rfind('/') + 1;
        const auto prefix = one_more_.find(path.substr(0, segment));
        if (prefix == one_more_.end() || segment == path.size()) {
            return match;
        }
        methods = &prefix->second;
        match.tail = path.substr(segment);
    }
    if (const auto found = methods->find(method); found != methods->end()) {
        match.action = &found->second;
        return match;
    }
    for (const auto& [name, action] : *methods) {
        match.allow += match.allow.empty() ? name : ", " + name;
    }
    return match;
}

}  // namespace homeward::admin
