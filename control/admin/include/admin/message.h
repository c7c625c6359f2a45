#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "result/result.h"

namespace homeward::admin {

/// One request of the admin API, after the server has checked its size and syntax.
struct Request {
    std::string path;                                       ///< percent-decoded, without the query
    std::string tail;                                       ///< what stood in the place of the route's final `*`
    std::map<std::string, std::string, std::less<>> query;  ///< percent-decoded; `+` is itself, as NAIs contain it
    std::string body;

    /// The parameter's value, "" when absent.
    std::string_view parameter(std::string_view name) const;
};

/// The answer to a Request.
struct Reply {
    unsigned status = 200;  ///< HTTP status
    std::string body;
    std::string content_type = "application/json";
};

Reply json_reply(const nlohmann::json& document);
/// `{"error": text}`; `status` ≥ 400, `text` one line for a person.
Reply error_reply(unsigned status, std::string_view text);
/// The text of an error_reply's body; of another body its first line.
std::string error_text(std::string_view body);
/// Prometheus text, see metrics.h.
Reply metrics_reply(std::string text);

/// The body as a JSON object; the error text is ready for error_reply(400, …).
Result<nlohmann::json> json_body(const Request& request);

}  // namespace homeward::admin
