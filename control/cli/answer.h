#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace homeward::cli {

/// Reads an answer of the admin API without trusting its shape: a daemon of another release may lack a key or have it
/// as something else, and the rest is still worth showing.
class Answer {
  public:
    /// `json` must outlive the Answer; null stands for "nothing there".
    explicit Answer(const nlohmann::json* json) : json_(json) {}

    bool present() const;  ///< there, and not null
    Answer at(std::string_view key) const;
    std::vector<Answer> items() const;  ///< of an array
    struct Member;
    std::vector<Member> members() const;  ///< of an object, by name

    std::string text(std::string_view key, std::string_view otherwise = "-") const;  ///< printable
    std::optional<double> number(std::string_view key) const;
    std::uint64_t count(std::string_view key) const;  ///< 0 when it is not a count
    bool is(std::string_view key) const;              ///< true only for `true`

    std::string as_text() const;  ///< printable
    std::uint64_t as_count() const;

  private:
    const nlohmann::json* json_;
};

struct Answer::Member {
    std::string name;
    Answer value;
};

}  // namespace homeward::cli
