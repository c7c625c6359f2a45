#include "choice/learned_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "selection/closed_loop.h"
#include "selection/pmp.h"

namespace homeward::choice {
namespace {

namespace fs = std::filesystem;

selection::Pmp walker(double length = 200) {
    selection::Pmp::Settings settings;
    settings.site.path = {{0, 0}, {length, 0}};
    settings.site.points = {{{1, 1}, {0, 0}}, {{2, 0}, {200, 0}}};
    return selection::Pmp{settings};
}

void walk(selection::Pmp& engine) {
    std::vector<selection::Point> fixes;
    for (double east = 0; east < 200; east += 4.9) {
        fixes.push_back({east, 0.1});
    }
    engine.model().train(fixes);
}

class LearnedFileTest : public testing::Test {
  protected:
    LearnedFileTest() {
        std::string name = (fs::temp_directory_path() / "homeward-learned-XXXXXX").string();
        directory = ::mkdtemp(name.data());
    }
    ~LearnedFileTest() override { fs::remove_all(directory); }

    std::string text() const {
        std::ostringstream out;
        out << std::ifstream(directory / "pmp.learned").rdbuf();
        return out.str();
    }
    void write(const std::string& text) const { std::ofstream(directory / "pmp.learned") << text; }

    fs::path directory;
};

TEST_F(LearnedFileTest, WhatWasLearnedOutlivesTheEngine) {
    selection::Pmp before = walker();
    walk(before);
    ASSERT_TRUE(LearnedFile(directory, "pmp").keep(before.snapshot()));
    selection::Pmp after = walker();
    ASSERT_NE(after.snapshot(), before.snapshot());
    const auto recalled = LearnedFile(directory, "pmp").recall(after);
    ASSERT_TRUE(recalled.ok()) << recalled.error().text;
    EXPECT_TRUE(*recalled);
    EXPECT_EQ(after.snapshot(), before.snapshot()) << "to the last bit";
    struct stat status {};
    ASSERT_EQ(::stat((directory / "pmp.learned").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600) << "it tells where somebody walks";
    EXPECT_FALSE(fs::exists(directory / "pmp.learned.new"));
}

TEST_F(LearnedFileTest, NoFileIsNoError) {
    selection::Pmp engine = walker();
    const auto recalled = LearnedFile(directory, "pmp").recall(engine);
    ASSERT_TRUE(recalled.ok());
    EXPECT_FALSE(*recalled);
}

TEST_F(LearnedFileTest, AnEngineThatLearnsNothingLeavesNone) {
    ASSERT_TRUE(LearnedFile(directory, "strongest").keep({}));
    EXPECT_TRUE(fs::is_empty(directory));
}

TEST_F(LearnedFileTest, WhatIsNotItsOwnIsRefusedWithWordsAndNotUsed) {
    selection::Pmp learned = walker();
    walk(learned);
    ASSERT_TRUE(LearnedFile(directory, "pmp").keep(learned.snapshot()));
    const std::string good = text();
    const auto with = [&](const std::string& what, const std::string& other) {
        std::string changed = good;
        return changed.replace(changed.find(what), what.size(), other);
    };
    selection::ClosedLoop loop{{}};
    ASSERT_TRUE(LearnedFile(directory, "closed-loop").keep(loop.snapshot()));
    selection::Pmp longer = walker(300);
    walk(longer);
    ASSERT_TRUE(LearnedFile(directory, "pmp").keep(longer.snapshot()));
    const std::string another_site = text();
    struct Row {
        const char* name;
        std::string text;
        const char* words;
        bool left_alone = false;
    };
    const Row rows[] = {
        {"empty", "", "left alone", true},
        {"somebody else's", "root:x:0:0\n", "left alone", true},
        {"of a later release", with("learned 1", "learned 2"), "left alone", true},
        {"of another engine", with("\npmp ", "\nhybrid "), "not of this engine"},
        {"cut in its head", good.substr(0, 22), "not of this engine"},
        {"cut", good.substr(0, good.size() / 2), "damaged"},
        {"longer", good + "1\n", "damaged"},
        {"words behind it", good + "x\n", "damaged"},
        {"one number changed", good.substr(0, good.rfind('\n', good.size() - 2) + 1) + "7\n", "damaged"},
        {"no numbers", with("\n1", "\nx"), "damaged"},
        {"more numbers than there can be", with("pmp ", "pmp 99999999999999"), "not of this engine"},
        {"of another site", another_site, "another site"},
    };
    for (const Row& row : rows) {
        write(row.text);
        selection::Pmp engine = walker();
        const std::vector<double> before = engine.snapshot();
        LearnedFile file(directory, "pmp");
        const auto recalled = file.recall(engine);
        ASSERT_FALSE(recalled.ok()) << row.name;
        EXPECT_NE(recalled.error().text.find(row.words), std::string::npos)
            << row.name << ": " << recalled.error().text;
        EXPECT_NE(recalled.error().text.find("pmp.learned"), std::string::npos) << row.name;
        EXPECT_EQ(engine.snapshot(), before) << row.name;
        EXPECT_TRUE(file.keep(before)) << row.name;
        EXPECT_EQ(text() == row.text, row.left_alone) << row.name;
    }
}

TEST_F(LearnedFileTest, ADirectoryThatCannotBeWrittenIsNamed) {
    write("a file");
    const Status kept = LearnedFile(directory / "pmp.learned", "pmp").keep(walker().snapshot());
    ASSERT_FALSE(kept);
    EXPECT_NE(kept.error().text.find("pmp.learned/pmp.learned"), std::string::npos) << kept.error().text;
}

}  // namespace
}  // namespace homeward::choice
