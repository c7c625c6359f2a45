#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "result/result.h"

namespace homeward::trace {

/// A number within limits, both included.
struct Limits {
    double least;
    double most;
};
inline constexpr Limits kNotNegative{0, 1e300};

/// One line of a trace's CSV file under its header. A getter that finds a bad cell notes the first such error, for
/// whoever reads the file to report, and answers "unknown".
class Row {
  public:
    Row(unsigned line, const std::vector<std::string>& columns, std::vector<std::string_view> cells)
        : line_(line), columns_(&columns), cells_(std::move(cells)) {}

    unsigned line() const noexcept { return line_; }
    /// The empty text for an empty cell and for a column that the file does not have.
    std::string_view text(std::string_view column) const noexcept;
    /// nullopt: empty. Not a number, infinite, or outside the limits: an error.
    std::optional<double> number(std::string_view column, Limits limits);
    /// 0 or 1.
    std::optional<bool> truth(std::string_view column);
    void fail(std::string_view column, std::string_view what);

    const std::string& error() const noexcept { return error_; }

  private:
    unsigned line_;
    const std::vector<std::string>* columns_;
    std::vector<std::string_view> cells_;
    std::string error_;
};

/// A CSV file as traces use it: the line `# mn-trace v1`, a header, rows. Cells are bare: no quotes, no commas in
/// them. Empty lines and further lines beginning with `#` are skipped.
///
///     Result<Table> table = Table::parse("aps.csv", text, {"bssid", "iface", "lat", "lon"}, {"bssid"});
class Table {
  public:
    /// `known`: the columns there may be, in any order; `required`: those there must be. Anything else is an error with
    /// name and line. The rows refer to `text` and to the table, which must outlive them.
    static Result<Table> parse(std::string_view name, std::string_view text, const std::vector<std::string>& known,
                               const std::vector<std::string>& required);

    std::vector<Row> rows() const;
    /// `name:line: what`.
    Error error(unsigned line, std::string_view what) const;

  private:
    struct Line {
        unsigned number;
        std::vector<std::string_view> cells;
    };
    std::string name_;
    std::vector<std::string> columns_;
    std::vector<Line> lines_;
};

/// A finite decimal number, the whole text.
std::optional<double> number_in(std::string_view text) noexcept;

}  // namespace homeward::trace
