#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace homeward::cli {

enum class Colour { none, bold, dim, green, yellow, red };

/// Colours text for a terminal, or leaves it as it is.
class Paint {
  public:
    explicit Paint(bool on) : on_(on) {}
    std::string operator()(Colour colour, std::string_view text) const;

  private:
    bool on_;
};

/// What a state's word means to the person who watches: green works, yellow is on its way, red does not.
Colour state_colour(std::string_view state);

/// Rows of cells in aligned columns, two spaces between them. Width is counted in UTF-8 code points.
class Table {
  public:
    enum class Align { left, right };
    struct Cell {
        std::string text;
        Colour colour = Colour::none;
    };

    /// `titles` stand above the first row, if there is one.
    explicit Table(std::vector<Align> columns, const std::vector<std::string>& titles = {});
    void row(std::vector<Cell> cells);
    bool empty() const { return rows_.empty(); }
    std::string text(const Paint& paint, std::string_view indent = "") const;

  private:
    std::vector<Align> columns_;
    std::vector<Cell> titles_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace homeward::cli
