#include "conditions.h"

#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace harness::link {
namespace {

using nlohmann::json;

constexpr double kMost = 1e7;  ///< of Mbit/s, of milliseconds: beyond it a number is a slip of the pen

double number(const json& value, double least, double most, const std::string& path) {
    if (!value.is_number() || !(value.get<double>() >= least) || !(value.get<double>() <= most)) {
        throw BadConditions{path + ": expected a number from " + json(least).dump() + " to " + json(most).dump() +
                            ", got " + value.dump()};
    }
    return value.get<double>();
}

double probability(const json& value, const std::string& path) {
    return number(value, 0, 1, path);
}

nanoseconds milliseconds(const json& value, const std::string& path) {
    return nanoseconds{std::llround(number(value, 0, kMost, path) * 1e6)};
}

bool truth(const json& value, const std::string& path) {
    if (!value.is_boolean()) {
        throw BadConditions{path + ": expected true or false, got " + value.dump()};
    }
    return value.get<bool>();
}

template <typename Target>
using Setters = std::map<std::string, std::function<void(Target&, const json&, const std::string&)>>;

template <typename Target>
void apply(Target& target, const json& change, const Setters<Target>& setters, const std::string& where) {
    if (!change.is_object()) {
        throw BadConditions{where + ": expected an object, got " + change.dump()};
    }
    for (const auto& [key, value] : change.items()) {
        std::string path = where;
        path.append(".").append(key);
        const auto setter = setters.find(key);
        if (setter == setters.end()) {
            throw BadConditions{path + ": unknown key"};
        }
        setter->second(target, value, path);
    }
}

const Setters<Bursts> kBurstKeys{
    {"enter", [](Bursts& b, const json& v, const std::string& path) { b.enter = probability(v, path); }},
    {"leave", [](Bursts& b, const json& v, const std::string& path) { b.leave = probability(v, path); }},
    {"loss", [](Bursts& b, const json& v, const std::string& path) { b.loss = probability(v, path); }},
};

const Setters<Conditions> kKeys{
    {"rate_mbps",
     [](Conditions& c, const json& v, const std::string& path) { c.rate_bps = number(v, 0, kMost, path) * 1e6; }},
    {"queue_ms", [](Conditions& c, const json& v, const std::string& path) { c.queue_time = milliseconds(v, path); }},
    {"queue_bytes",
     [](Conditions& c, const json& v, const std::string& path) {
         c.queue_bytes = static_cast<std::size_t>(number(v, 0, 1e12, path));
     }},
    {"delay_ms", [](Conditions& c, const json& v, const std::string& path) { c.delay = milliseconds(v, path); }},
    {"jitter_ms", [](Conditions& c, const json& v, const std::string& path) { c.jitter = milliseconds(v, path); }},
    {"loss", [](Conditions& c, const json& v, const std::string& path) { c.loss = probability(v, path); }},
    {"bursts", [](Conditions& c, const json& v, const std::string& path) { apply(c.bursts, v, kBurstKeys, path); }},
    {"reorder", [](Conditions& c, const json& v, const std::string& path) { c.reorder = probability(v, path); }},
    {"reorder_ms", [](Conditions& c, const json& v, const std::string& path) { c.reorder_by = milliseconds(v, path); }},
    {"duplicate", [](Conditions& c, const json& v, const std::string& path) { c.duplicate = probability(v, path); }},
    {"blackhole", [](Conditions& c, const json& v, const std::string& path) { c.blackhole = truth(v, path); }},
};

}  // namespace

Conditions changed(const Conditions& conditions, const json& change, const char* where) {
    Conditions result = conditions;
    apply(result, change, kKeys, where);
    return result;
}

}  // namespace harness::link
