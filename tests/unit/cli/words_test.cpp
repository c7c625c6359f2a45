#include "words.h"

#include <gtest/gtest.h>

namespace homeward::cli {
namespace {

TEST(Words, WriteQuantitiesForPeople) {
    struct Row {
        std::string written, expected;
    };
    const Row rows[] = {
        {bytes_text(0), "0 B"},
        {bytes_text(1023), "1023 B"},
        {bytes_text(1024), "1.00 KiB"},
        {bytes_text(1268776.96), "1.21 MiB"},
        {bytes_text(1024.0 * 1024 - 1), "1.00 MiB"},
        {rate_text(0), "0 bit/s"},
        {rate_text(14'670'000), "14.67 Mbit/s"},
        {rate_text(999'999), "1.00 Mbit/s"},
        {duration_text(0.4), "0 seconds"},
        {duration_text(1), "1 second"},
        {duration_text(63), "1 minute, 3 seconds"},
        {duration_text(3600), "1 hour"},
        {duration_text(2 * 86400 + 5 * 3600 + 59), "2 days, 5 hours"},
        {duration_text(-3), "0 seconds"},
        {ago_text(63), "1 minute, 3 seconds ago"},
        {ago_text(0.2), "now"},
        {until_text(57), "in 57 seconds"},
        {until_text(-1), "now"},
        {count_text(1, "rule"), "1 rule"},
        {count_text(100'000, "rule"), "100,000 rules"},
        {grouped(999), "999"},
        {grouped(1'234'567), "1,234,567"},
        {short_digest("d671e717b7b3aabbcc"), "d671e717b7b3"},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(row.written, row.expected);
    }
}

TEST(Words, KeepWhatATerminalWouldObeyOffTheScreen) {
    EXPECT_EQ(printable("a\x1b[31mb\nc\x7f"), "a?[31mb?c?");
}

}  // namespace
}  // namespace homeward::cli
