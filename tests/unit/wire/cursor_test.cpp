#include "wire/cursor.h"

#include <gtest/gtest.h>

namespace homeward::wire {
namespace {

TEST(Reader, ReturnsWhatTheWriterWrote) {
    Bytes bytes;
    Writer writer{bytes};
    writer.u8(1);
    writer.u16(0x0203);
    writer.u32(0x04050607);
    writer.u64(0x08090a0b0c0d0e0f);
    ASSERT_EQ(bytes.size(), 15U);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        EXPECT_EQ(bytes[i], i + 1);
    }
    Reader reader{bytes};
    EXPECT_EQ(reader.u8(), 1);
    EXPECT_EQ(reader.u16(), 0x0203);
    EXPECT_EQ(reader.u32(), 0x04050607U);
    EXPECT_EQ(reader.u64(), 0x08090a0b0c0d0e0fU);
    EXPECT_TRUE(reader.at_end());
    EXPECT_FALSE(reader.failed());
}

TEST(Reader, FailsForGoodAtTheFirstReadThatDoesNotFit) {
    const Bytes bytes{1, 2, 3};
    Reader reader{bytes};
    EXPECT_EQ(reader.u32(), 0U);
    EXPECT_TRUE(reader.failed());
    EXPECT_EQ(reader.u8(), 0) << "a read after a failure must not look like success";
    EXPECT_EQ(reader.bytes(0).size(), 0U);
}

TEST(Writer, PatchesALengthWrittenBefore) {
    Bytes bytes;
    Writer writer{bytes};
    writer.u16(0);
    writer.u8(9);
    writer.patch_u16(0, 0x1234);
    EXPECT_EQ(bytes, (Bytes{0x12, 0x34, 9}));
}

}  // namespace
}  // namespace homeward::wire
