#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "document.h"
#include "result/result.h"
#include "wire/ipv4.h"

namespace homeward::config {

/// The first thing found wrong; later ones are mostly its consequences.
class Report {
  public:
    void fail(Error error) {
        if (!error_) {
            error_ = std::move(error);
        }
    }
    bool failed() const { return error_.has_value(); }
    const Error& error() const { return *error_; }

  private:
    std::optional<Error> error_;
};

/// A node of a Document together with its key path. Reading it as something it is not puts one line in the Report
/// and returns a default, so that a loader reads straight on and asks the Report once, at the end.
/// A Value must not outlive the one it was taken from.
class Value {
  public:
    Value(const Document& document, Report& report) : document_(&document), report_(&report), node_(&document.root()) {}

    Report& report() const { return *report_; }
    const std::string& file() const { return document_->file(); }
    bool is_map() const { return node_->kind == Document::Kind::map; }
    bool is_sequence() const { return node_->kind == Document::Kind::sequence; }
    bool is_scalar() const { return node_->kind == Document::Kind::scalar; }
    std::string_view raw() const { return is_scalar() ? document_->text(*node_) : std::string_view{}; }
    std::string path() const;
    /// "file:line: key.path: what"
    Error error(const std::string& what) const;
    void fail(const std::string& what) const { report_->fail(error(what)); }
    /// Reports `expected …, got …`.
    void expected(const std::string& what) const;

    /// Items of a sequence; the Report says so when it is none.
    std::size_t items() const;
    Value item(std::size_t index) const;

    std::string text(std::size_t min_size = 1, std::size_t max_size = 4096) const;
    bool boolean() const;
    template <class T>
    T number(T min, T max) const {
        return static_cast<T>(whole_number(min, max));
    }
    double real(double least, double most) const;
    wire::Ipv4Address address() const;  ///< of one host
    wire::Ipv4Prefix prefix() const;
    std::chrono::milliseconds duration(std::chrono::milliseconds min, std::chrono::milliseconds max) const;
    std::chrono::seconds seconds(std::chrono::seconds min, std::chrono::seconds max) const;
    std::uint64_t megabytes(std::uint64_t min, std::uint64_t max) const;
    template <class E>
    E one_of(std::initializer_list<std::pair<std::string_view, E>> choices) const {
        std::string names;
        for (const auto& [name, choice] : choices) {
            if (raw() == name) {
                return choice;
            }
            names += (names.empty() ? "" : ", ") + std::string{name};
        }
        expected("one of " + names);
        return choices.begin()->second;
    }

  private:
    friend class Map;

    Value(const Value& parent, const Document::Node& node, std::string_view key, std::size_t index)
        : document_(parent.document_),
          report_(parent.report_),
          node_(&node),
          parent_(&parent),
          key_(key),
          index_(index) {}

    std::uint64_t whole_number(std::uint64_t min, std::uint64_t max) const;

    const Document* document_;
    Report* report_;
    const Document::Node* node_;
    const Value* parent_ = nullptr;
    std::string_view key_;  ///< in the parent, when that is a map
    std::size_t index_ = 0;
};

/// A map whose keys are known beforehand: an unknown or repeated key, or something that is no map, is reported.
/// Must not outlive its Value.
class Map {
  public:
    Map(const Value& value, std::initializer_list<std::string_view> known) : Map(value, std::vector(known)) {}
    Map(const Value& value, const std::vector<std::string_view>& known);

    std::optional<Value> find(std::string_view key) const;
    /// Reports a missing key.
    std::optional<Value> require(std::string_view key) const;
    const Value& value() const { return value_; }

    /// The entries of a map whose keys are the user's own names, each of them once.
    static std::vector<std::pair<std::string, Value>> named(const Value& value);

  private:
    const Value& value_;
};

/// The name closest to `written`, or nothing when none is close.
std::string_view nearest(std::string_view written, const std::vector<std::string_view>& names);

/// All of `text` as a decimal number.
template <class T>
std::optional<T> whole(std::string_view text) {
    T number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional{number} : std::nullopt;
}

}  // namespace homeward::config
