#include "resolver/resolv_conf.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace homeward::resolver {
namespace {

namespace fs = std::filesystem;

/// A directory of its own in the place of /etc.
class ResolvConfTest : public testing::Test {
  protected:
    ResolvConfTest() {
        std::string name = fs::temp_directory_path() / "homeward-resolv-XXXXXX";
        etc = ::mkdtemp(name.data());
    }
    ~ResolvConfTest() override { fs::remove_all(etc); }

    static void put(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }
    static std::string get(const fs::path& file) {
        std::ostringstream text;
        text << std::ifstream(file).rdbuf();
        return text.str();
    }
    bool use() const {
        return bool(ResolvConf{conf()}.use({wire::Ipv4Address{0x0a000035}, wire::Ipv4Address{0x0a000036}}));
    }
    fs::path conf() const { return etc / "resolv.conf"; }
    std::size_t files() const {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator{etc}, fs::directory_iterator{}));
    }

    fs::path etc;
};

const std::string kBefore = "search example.org\nnameserver 192.0.2.1\noptions edns0\n";

TEST_F(ResolvConfTest, NamesTheServersAloneAndKeepsTheRest) {
    put(conf(), kBefore);
    ASSERT_TRUE(use());
    const std::string text = get(conf());
    EXPECT_NE(text.find("\nnameserver 10.0.0.53\nnameserver 10.0.0.54\nsearch example.org\noptions edns0\n"),
              std::string::npos)
        << text;
    EXPECT_EQ(text.find("192.0.2.1"), std::string::npos);
    EXPECT_TRUE(ResolvConf{conf()}.restore());
    EXPECT_EQ(get(conf()), kBefore);
    EXPECT_EQ(files(), 1U);
    EXPECT_FALSE(ResolvConf{conf()}.restore()) << "nothing is left to put back";
}

TEST_F(ResolvConfTest, ALinkComesBackAsALink) {
    put(etc / "real", kBefore);
    fs::create_symlink("real", conf());
    ASSERT_TRUE(use());
    EXPECT_FALSE(fs::is_symlink(conf()));
    EXPECT_EQ(get(etc / "real"), kBefore) << "whose file it is keeps it";
    EXPECT_TRUE(ResolvConf{conf()}.restore());
    EXPECT_EQ(fs::read_symlink(conf()), "real");
}

TEST_F(ResolvConfTest, ALinkToNowhereComesBackToo) {
    fs::create_symlink("nowhere", conf());
    ASSERT_TRUE(use());
    EXPECT_TRUE(ResolvConf{conf()}.restore());
    EXPECT_EQ(fs::read_symlink(conf()), "nowhere");
}

TEST_F(ResolvConfTest, WhereTheFileWasMissingItIsAgain) {
    ASSERT_TRUE(use());
    EXPECT_TRUE(ResolvConf{conf()}.restore());
    EXPECT_EQ(files(), 0U);
}

TEST_F(ResolvConfTest, ASecondRunAfterAKilledOneKeepsTheFirstFile) {
    put(conf(), kBefore);
    ASSERT_TRUE(use());
    ASSERT_TRUE(use());
    EXPECT_TRUE(ResolvConf{conf()}.restore());
    EXPECT_EQ(get(conf()), kBefore);
}

TEST_F(ResolvConfTest, WhatAnotherProgramWroteMeanwhileIsItsOwn) {
    put(conf(), kBefore);
    ASSERT_TRUE(use());
    put(conf(), "nameserver 198.51.100.1\n");
    ResolvConf{conf()}.restore();
    EXPECT_EQ(get(conf()), "nameserver 198.51.100.1\n");
    EXPECT_EQ(files(), 1U);
}

TEST_F(ResolvConfTest, WhatCannotBeWrittenIsSaid) {
    const Status status = ResolvConf{etc / "missing" / "resolv.conf"}.use({wire::Ipv4Address{1}});
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().text.find("missing/resolv.conf"), std::string::npos) << status.error().text;
}

}  // namespace
}  // namespace homeward::resolver
