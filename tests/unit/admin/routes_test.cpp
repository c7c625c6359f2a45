#include "routes.h"

#include <gtest/gtest.h>

namespace homeward::admin {
namespace {

TEST(Routes, FindsByMethodAndPath) {
    EventLog events, uplink_post, uplinks_get;  // stand for their routes
    Routes routes;
    routes.add("GET", "/v1/events", &events);
    routes.add("POST", "/v1/uplinks/*", &uplink_post);
    routes.add("GET", "/v1/uplinks", &uplinks_get);
    routes.add("POST", "/v1/both", &events);
    routes.add("GET", "/v1/both", &events);

    struct Row {
        const char* method;
        const char* path;
        const EventLog* found;
        const char* tail;
        const char* allow;
    };
    const Row rows[] = {
        {"GET", "/v1/events", &events, "", ""},
        {"GET", "/v1/uplinks", &uplinks_get, "", ""},
        {"POST", "/v1/uplinks/wlan", &uplink_post, "wlan", ""},
        {"POST", "/v1/events", nullptr, "", "GET"},
        {"GET", "/v1/uplinks/wlan", nullptr, "wlan", "POST"},
        {"DELETE", "/v1/both", nullptr, "", "GET, POST"},
        {"GET", "/v1/event", nullptr, "", ""},
        {"GET", "/v1/events/", nullptr, "", ""},
        {"POST", "/v1/uplinks/", nullptr, "", ""},
        {"POST", "/v1/uplinks/wlan/more", nullptr, "", ""},
        {"GET", "/", nullptr, "", ""},
    };
    for (const Row& row : rows) {
        const Routes::Match match = routes.find(row.method, row.path);
        const EventLog* found = match.action == nullptr ? nullptr : std::get<EventLog*>(*match.action);
        EXPECT_EQ(found, row.found) << row.method << ' ' << row.path;
        EXPECT_EQ(match.tail, row.tail) << row.method << ' ' << row.path;
        EXPECT_EQ(match.allow, row.allow) << row.method << ' ' << row.path;
    }
}

}  // namespace
}  // namespace homeward::admin
