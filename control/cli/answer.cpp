#include "answer.h"

#include <nlohmann/json.hpp>

#include "words.h"

namespace homeward::cli {

using nlohmann::json;

bool Answer::present() const {
    return json_ != nullptr && !json_->is_null();
}

Answer Answer::at(std::string_view key) const {
    if (json_ == nullptr || !json_->is_object()) {
        return Answer(nullptr);
    }
    const auto found = json_->find(std::string(key));
    return Answer(found == json_->end() ? nullptr : &*found);
}

std::vector<Answer> Answer::items() const {
    std::vector<Answer> items;
    if (json_ != nullptr && json_->is_array()) {
        for (const json& item : *json_) {
            items.emplace_back(&item);
        }
    }
    return items;
}

std::vector<Answer::Member> Answer::members() const {
    std::vector<Member> members;
    if (json_ != nullptr && json_->is_object()) {
        for (const auto& [name, value] : json_->items()) {
            members.push_back({.name = printable(name), .value = Answer(&value)});
        }
    }
    return members;
}

std::string Answer::text(std::string_view key, std::string_view otherwise) const {
    const std::string found = at(key).as_text();
    return found.empty() ? std::string(otherwise) : found;
}

std::optional<double> Answer::number(std::string_view key) const {
    const Answer found = at(key);
    return found.json_ != nullptr && found.json_->is_number() ? std::optional(found.json_->get<double>())
                                                              : std::nullopt;
}

std::uint64_t Answer::count(std::string_view key) const {
    return at(key).as_count();
}

bool Answer::is(std::string_view key) const {
    const Answer found = at(key);
    return found.json_ != nullptr && found.json_->is_boolean() && found.json_->get<bool>();
}

std::string Answer::as_text() const {
    if (!present()) {
        return {};
    }
    return json_->is_string() ? printable(json_->get_ref<const std::string&>())
                              : printable(json_->dump(-1, ' ', false, json::error_handler_t::replace));
}

std::uint64_t Answer::as_count() const {
    if (json_ == nullptr || !json_->is_number()) {
        return 0;
    }
    if (json_->is_number_unsigned()) {
        return json_->get<std::uint64_t>();
    }
    const double value = json_->get<double>();
    return value > 0 && value < 1.8e19 ? static_cast<std::uint64_t>(value) : 0;
}

}  // namespace homeward::cli
