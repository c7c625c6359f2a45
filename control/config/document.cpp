#include "document.h"

#include <yaml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <system_error>

namespace homeward::config {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20U;
/// The deepest configuration has six levels; libyaml's time grows with the square of the depth.
constexpr std::size_t kMaxDepth = 32;

/// libyaml's parser and its current event, freed at the end.
class Events {
  public:
    explicit Events(std::string_view text) {
        ready_ = yaml_parser_initialize(&parser_) == 1;
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    }
    ~Events() {
        yaml_event_delete(&event_);
        yaml_parser_delete(&parser_);
    }
    Events(const Events&) = delete;
    Events& operator=(const Events&) = delete;

    bool next() {
        yaml_event_delete(&event_);
        return ready_ && yaml_parser_parse(&parser_, &event_) == 1;
    }
    const yaml_event_t& event() const { return event_; }
    std::size_t line() const { return event_.start_mark.line + 1; }
    std::size_t problem_line() const { return parser_.problem_mark.line + 1; }
    std::string problem() const {
        std::string text = parser_.problem != nullptr ? parser_.problem : "out of memory";
        if (parser_.context != nullptr) {
            text += std::string{" "} + parser_.context;
        }
        return text;
    }

  private:
    yaml_parser_t parser_{};
    yaml_event_t event_{};
    bool ready_ = false;
};

std::string_view view(const yaml_char_t* text) {
    return text == nullptr ? std::string_view{} : std::string_view{reinterpret_cast<const char*>(text)};
}

}  // namespace

class DocumentBuilder {
  public:
    DocumentBuilder(std::string file, std::string_view text) : events_(text) {
        document_.file_ = std::move(file);
        document_.text_.reserve(text.size());
    }

    Result<Document> build() {
        for (;;) {
            if (!events_.next()) {
                return error(events_.problem_line(), "not valid YAML: " + events_.problem());
            }
            const yaml_event_t& event = events_.event();
            if (event.type == YAML_STREAM_END_EVENT) {
                break;
            }
            if (event.type == YAML_DOCUMENT_START_EVENT && ++documents_ > 1) {
                return error(events_.line(), "a second document; one file holds one");
            }
            if (!take(event)) {
                return error(events_.line(), problem_);
            }
        }
        if (document_.nodes_.empty()) {
            return error(1, "the file is empty");
        }
        return std::move(document_);
    }

  private:
    struct Open {
        Document::Node node;
        std::string anchor;
        std::size_t pending;  ///< where its children start in pending_
    };

    Error error(std::size_t line, const std::string& text) const {
        return {document_.file_ + ":" + std::to_string(line) + ": " + text};
    }

    bool take(const yaml_event_t& event) {
        switch (event.type) {
            case YAML_SCALAR_EVENT:
                scalar(event);
                return true;
            case YAML_SEQUENCE_START_EVENT:
                return open(Document::Kind::sequence, view(event.data.sequence_start.anchor));
            case YAML_MAPPING_START_EVENT:
                return open(Document::Kind::map, view(event.data.mapping_start.anchor));
            case YAML_SEQUENCE_END_EVENT:
            case YAML_MAPPING_END_EVENT:
                close();
                return true;
            case YAML_ALIAS_EVENT:
                return alias(view(event.data.alias.anchor));
            default:
                return true;
        }
    }

    void scalar(const yaml_event_t& event) {
        const auto& scalar = event.data.scalar;
        const Document::Node node{
            Document::Kind::scalar, scalar.style == YAML_PLAIN_SCALAR_STYLE, static_cast<std::uint32_t>(events_.line()),
            static_cast<std::uint32_t>(document_.text_.size()), static_cast<std::uint32_t>(scalar.length)};
        document_.text_.append(reinterpret_cast<const char*>(scalar.value), scalar.length);
        add(node, view(scalar.anchor));
    }

    void add(const Document::Node& node, std::string_view anchor) {
        const auto index = static_cast<std::uint32_t>(document_.nodes_.size());
        document_.nodes_.push_back(node);
        pending_.push_back(index);
        if (!anchor.empty()) {
            anchors_[std::string{anchor}] = index;
        }
    }

    bool open(Document::Kind kind, std::string_view anchor) {
        if (open_.size() == kMaxDepth) {
            problem_ = "nested more than " + std::to_string(kMaxDepth) + " levels deep";
            return false;
        }
        open_.push_back(
            {{kind, false, static_cast<std::uint32_t>(events_.line()), 0, 0}, std::string{anchor}, pending_.size()});
        return true;
    }

    void close() {
        Open done = std::move(open_.back());
        open_.pop_back();
        done.node.first = static_cast<std::uint32_t>(document_.children_.size());
        done.node.count = static_cast<std::uint32_t>(pending_.size() - done.pending);
        document_.children_.insert(document_.children_.end(),
                                   pending_.begin() + static_cast<std::ptrdiff_t>(done.pending), pending_.end());
        pending_.resize(done.pending);
        add(done.node, done.anchor);
    }

    /// An anchor is known once its node is complete, so an alias never leads back into itself.
    bool alias(std::string_view name) {
        const auto found = anchors_.find(std::string{name});
        if (found == anchors_.end()) {
            problem_ = "unknown alias \"*" + std::string{name} + "\"";
            return false;
        }
        pending_.push_back(found->second);
        return true;
    }

    Events events_;
    Document document_;
    std::vector<Open> open_;
    std::vector<std::uint32_t> pending_;  ///< finished nodes whose parents are not
    std::map<std::string, std::uint32_t> anchors_;
    std::string problem_;
    unsigned documents_ = 0;
};

Result<Document> Document::parse(std::string file, std::string_view text) {
    return DocumentBuilder{std::move(file), text}.build();
}

Result<Document> Document::load(const std::filesystem::path& file) {
    auto text = read_file(file, kMaxFileBytes);
    if (!text) {
        return text.error();
    }
    return parse(file.string(), *text);
}

Result<std::string> read_file(const std::filesystem::path& file, std::size_t limit) {
    const auto cannot = [&](const std::string& reason) { return Error{file.string() + ": cannot read: " + reason}; };
    std::error_code ignored;
    if (std::filesystem::exists(file, ignored) && !std::filesystem::is_regular_file(file, ignored)) {
        return cannot("it is not a regular file");
    }
    errno = 0;
    std::ifstream in{file, std::ios::binary};
    if (!in) {
        return cannot(std::strerror(errno));
    }
    std::string text;
    std::size_t size = 0;
    do {
        text.resize(size + (size == 0 ? 4096 : size));
        in.read(text.data() + size, static_cast<std::streamsize>(text.size() - size));
        size += static_cast<std::size_t>(in.gcount());
        if (size > limit) {
            return cannot("larger than " + std::to_string(limit) + " bytes");
        }
    } while (in);
    text.resize(size);
    return text;
}

}  // namespace homeward::config
