#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "result/result.h"

namespace homeward::config {

/// One YAML document as a flat tree: nodes, their children and their text in three arrays, so that a policy of
/// 100,000 rules is read in a fraction of a second. An alias is the node it names.
class Document {
  public:
    enum class Kind : std::uint8_t { scalar, sequence, map };
    struct Node {
        Kind kind = Kind::scalar;
        bool plain = false;       ///< a scalar without quotes
        std::uint32_t line = 0;   ///< from 1
        std::uint32_t first = 0;  ///< scalar: offset of its text; else: of its first child (a map: key, value, key …)
        std::uint32_t count = 0;  ///< bytes, or children
    };

    /// Errors: "file: cannot read: reason", "file:line: not valid YAML: reason".
    static Result<Document> load(const std::filesystem::path& file);
    static Result<Document> parse(std::string file, std::string_view text);

    const std::string& file() const { return file_; }
    const Node& root() const { return nodes_.back(); }
    std::string_view text(const Node& scalar) const {
        return std::string_view{text_}.substr(scalar.first, scalar.count);
    }
    const Node& child(const Node& parent, std::size_t index) const { return nodes_[children_[parent.first + index]]; }

  private:
    friend class DocumentBuilder;

    std::string file_;
    std::vector<Node> nodes_;  ///< a collection follows what it contains; the root is the last one
    std::vector<std::uint32_t> children_;
    std::string text_;
};

/// Reads a whole file, at most `limit` bytes. The error names the file and the reason.
Result<std::string> read_file(const std::filesystem::path& file, std::size_t limit);

}  // namespace homeward::config
