#include "admin/message.h"

#include <nlohmann/json.hpp>

namespace homeward::admin {

using nlohmann::json;

namespace {

// Text that came from outside (an NAI, a kernel error) may not be UTF-8; an answer must not fail for that.
std::string dump(const json& document) {
    return document.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

}  // namespace

std::string_view Request::parameter(std::string_view name) const {
    const auto found = query.find(name);
    return found == query.end() ? std::string_view() : std::string_view(found->second);
}

Reply json_reply(const json& document) {
    return Reply{.body = dump(document)};
}

Reply error_reply(unsigned status, std::string_view text) {
    return Reply{.status = status, .body = dump(json{{"error", text}})};
}

std::string error_text(std::string_view body) {
    const json document = json::parse(body, nullptr, false);
    if (document.is_object() && document.contains("error") && document["error"].is_string()) {
        return document["error"].get<std::string>();
    }
    return std::string(body.substr(0, body.find('\n')));
}

Reply metrics_reply(std::string text) {
    return Reply{.body = std::move(text), .content_type = "text/plain; version=0.0.4; charset=utf-8"};
}

Result<json> json_body(const Request& request) {
    json document = json::parse(request.body, nullptr, false);
    if (!document.is_object()) {
        return Error{"the body is not a JSON object"};
    }
    return document;
}

}  // namespace homeward::admin
