// Tunnel packets that arrive in fragments: RFC 791 and 1858, RFC 3168 §5.3, and the bounds on what is held.
#include <algorithm>

#include "lab.h"

namespace lab {
namespace {

/// Bytes begin … end of a datagram's payload as one fragment. `more` unless it reaches to the end.
struct Piece {
    unsigned begin = 0, end = 0;
    std::uint8_t tos = 0;
    Bytes options{};  ///< of this fragment's header
    int more = -1;    ///< 1 or 0 where the flag is to lie
};

/// One fragment of the IP packet in `whole`, an Ethernet frame without IP options.
Bytes cut(const Bytes& whole, const Piece& piece) {
    const std::size_t payload = whole.size() - 34;
    const auto more = piece.more >= 0 ? piece.more != 0 : piece.end < payload;
    Bytes frame(whole.begin(), whole.begin() + 34);
    frame.insert(frame.end(), piece.options.begin(), piece.options.end());
    for (std::size_t at = piece.begin; at < piece.end; ++at) {
        frame.push_back(at < payload ? whole[34 + at] : std::uint8_t{0});
    }
    const auto put = [&](std::size_t at, std::size_t value) {
        frame[at] = static_cast<std::uint8_t>(value >> 8);
        frame[at + 1] = static_cast<std::uint8_t>(value);
    };
    frame[14] = static_cast<std::uint8_t>(0x45 + piece.options.size() / 4);
    frame[15] = piece.tos;
    put(16, frame.size() - 14);
    put(20, (more ? 0x2000U : 0U) | piece.begin / 8);
    put(24, 0);
    put(24, harness::internet_checksum(&frame[14], 20 + piece.options.size()));
    return frame;
}

Stack inner(std::uint8_t ttl = 64, std::uint8_t tos = 0, unsigned data = 960, bool df = false) {
    return Ip{.src = kNode, .dst = kPeer, .ttl = ttl, .tos = tos, .df = df} / Udp{.src = 1000, .dst = 2000} /
           Raw::pattern(data);
}

/// 1000 bytes behind the outer IP header.
Stack whole(std::uint16_t id = 1, Address care_of = kWlan, std::uint16_t port = kWlanPort) {
    return Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = care_of, .dst = kHomeAgent, .id = id} /
           Udp{.src = port, .dst = 434} / Tunnel{} / inner();
}

Stack registration() {
    return Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = kWlan, .dst = kHomeAgent} /
           Udp{.src = 700, .dst = 434} / Raw{"\x01"} / Raw::pattern(991);
}

Stack to_another_service() {
    return Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = kFar, .dst = kHomeAgent} /
           Udp{.src = 700, .dst = 4500} / Raw::pattern(992);
}

const Piece kFirst = {.begin = 0, .end = 400}, kMiddle = {.begin = 400, .end = 800},
            kLast = {.begin = 800, .end = 1000};

enum class Ends : std::uint8_t { at_the_peer, in_the_kernel, nowhere };

struct Case {
    std::string name;
    std::vector<Piece> pieces;
    std::vector<Drop> drops{};
    Stack datagram = whole();
    Ends ends = Ends::at_the_peer;
    bool waits = false;  ///< something is still held at the end
    KernelClass kernel_class = KernelClass::other;
};

void PrintTo(const Case& row, std::ostream* out) {
    *out << row.name;
}

std::vector<Piece> pieces_of(unsigned size, unsigned total = 1000) {
    std::vector<Piece> pieces;
    for (unsigned at = 0; at < total; at += size) {
        pieces.push_back({.begin = at, .end = std::min(at + size, total)});
    }
    return pieces;
}

std::vector<Piece> reversed(std::vector<Piece> pieces) {
    std::reverse(pieces.begin(), pieces.end());
    return pieces;
}

class Reassembly : public testing::TestWithParam<Case> {};

TEST_P(Reassembly, Row) {
    const Case& row = GetParam();
    Lab lab;
    const Bytes datagram = row.datagram.bytes();
    std::vector<Bytes> frames;
    for (const Piece& piece : row.pieces) {
        frames.push_back(cut(datagram, piece));
        lab.run(kAccess, Origin::wire, frames.back());
    }
    std::map<std::string, std::uint64_t> drops;
    for (const Drop drop : row.drops) {
        ++drops[std::string{homeward::stats::name(drop)}];
    }
    EXPECT_EQ(lab.drops(), drops);
    if (row.ends == Ends::at_the_peer) {
        ASSERT_EQ(lab.emitted.size(), 1U);
        EXPECT_EQ(harness::to_hex(lab.emitted[0].frame), harness::to_hex(to_peer(inner(63)).bytes()));
        EXPECT_EQ(lab.count(Event::datagrams_reassembled), 1U);
        EXPECT_EQ(lab.count(Event::uplink_packets), 1U);
    } else if (row.ends == Ends::in_the_kernel) {
        ASSERT_EQ(lab.emitted.size(), frames.size());
        for (const Emitted& emitted : lab.emitted) {
            EXPECT_TRUE(emitted.kernel);
            EXPECT_EQ(emitted.port, kAccess);
            EXPECT_EQ(emitted.kernel_class, row.kernel_class);
            EXPECT_EQ(std::count(frames.begin(), frames.end(), emitted.frame), 1);
        }
    } else {
        EXPECT_TRUE(lab.emitted.empty());
    }
    EXPECT_EQ(lab.leaked() != 0, row.waits);
    const std::size_t held = lab.leaked();
    lab.advance_ms(1000);
    lab.tick();
    EXPECT_EQ(lab.count(Drop::reassemble_timeout), held);
    EXPECT_EQ(lab.leaked(), 0U);
}

const Case kRows[] = {
    {.name = "in_order", .pieces = {kFirst, kMiddle, kLast}},
    {.name = "last_first", .pieces = {kLast, kMiddle, kFirst}},
    {.name = "middle_first", .pieces = {kMiddle, kFirst, kLast}},
    {.name = "middle_last", .pieces = {kLast, kFirst, kMiddle}},
    {.name = "two", .pieces = {{0, 976}, {976, 1000}}},
    {.name = "as_many_as_are_kept", .pieces = pieces_of(64)},
    {.name = "as_many_reversed", .pieces = reversed(pieces_of(64))},
    {.name = "duplicates",
     .pieces = {kFirst, kFirst, kMiddle, kMiddle, kLast},
     .drops = {Drop::reassemble_duplicate, Drop::reassemble_duplicate}},
    {.name = "duplicate_last", .pieces = {kLast, kLast, kFirst, kMiddle}, .drops = {Drop::reassemble_duplicate}},
    {.name = "options_in_fragments",
     .pieces = {{0, 400, 0, {0x94, 4, 0, 0, 7, 3, 4, 0}}, {400, 1000, 0, {0x94, 4, 0, 0}}}},
    // parts that do not come
    {.name = "last_missing", .pieces = {kFirst, kMiddle}, .ends = Ends::nowhere, .waits = true},
    {.name = "middle_missing", .pieces = {kFirst, kLast}, .ends = Ends::nowhere, .waits = true},
    {.name = "first_missing", .pieces = {kMiddle, kLast}, .ends = Ends::nowhere, .waits = true},
    // parts that do not fit each other: nothing of the datagram is used, and nothing that comes later
    {.name = "overlap_of_eight_bytes",
     .pieces = {kFirst, {392, 800}, kMiddle, kLast},
     .drops = std::vector(4, Drop::reassemble_overlap),
     .ends = Ends::nowhere},
    {.name = "overlap_from_behind",
     .pieces = {kMiddle, {0, 408}, kLast},
     .drops = std::vector(3, Drop::reassemble_overlap),
     .ends = Ends::nowhere},
    {.name = "contained",
     .pieces = {kFirst, {80, 160}, kMiddle, kLast},
     .drops = std::vector(4, Drop::reassemble_overlap),
     .ends = Ends::nowhere},
    {.name = "containing",
     .pieces = {{400, 600}, {0, 800}, kLast},
     .drops = std::vector(3, Drop::reassemble_overlap),
     .ends = Ends::nowhere},
    {.name = "another_first",
     .pieces = {kFirst, {0, 480}, kMiddle, kLast},
     .drops = std::vector(4, Drop::reassemble_overlap),
     .ends = Ends::nowhere},
    {.name = "two_ends",
     .pieces = {kFirst, kLast, {400, 800, 0, {}, 0}},
     .drops = std::vector(3, Drop::reassemble_overlap),
     .ends = Ends::nowhere},
    {.name = "behind_the_end",
     .pieces = {kFirst, kLast, {1000, 1080, 0, {}, 1}},
     .drops = std::vector(3, Drop::reassemble_overlap),
     .ends = Ends::nowhere},
    {.name = "end_before_what_is_there",
     .pieces = {kFirst, kMiddle, {400, 480, 0, {}, 0}},
     .drops = std::vector(3, Drop::reassemble_overlap),
     .ends = Ends::nowhere},
    {.name = "last_says_more_follows",
     .pieces = {kFirst, kLast, {800, 1000, 0, {}, 1}},
     .drops = std::vector(3, Drop::reassemble_overlap),
     .ends = Ends::nowhere},
    {.name = "one_more_than_are_kept",
     .pieces = pieces_of(56),
     .drops = std::vector(18, Drop::reassemble_too_many),
     .ends = Ends::nowhere},
    // what no datagram can have
    {.name = "length_not_in_eights",
     .pieces = {{0, 401}},
     .drops = {Drop::reassemble_malformed},
     .ends = Ends::nowhere},
    {.name = "empty", .pieces = {{1000, 1000}}, .drops = {Drop::reassemble_malformed}, .ends = Ends::nowhere},
    {.name = "beyond_64k",
     .pieces = {{65520, 65528, 0, {}, 0}},
     .drops = {Drop::reassemble_malformed},
     .ends = Ends::nowhere},
    {.name = "beyond_64k_with_the_first_ones_options",
     .pieces = {{65400, 65512, 0, {}, 0}, {0, 65400, 0, Bytes(8, 1), 1}},
     .drops = std::vector(2, Drop::reassemble_malformed),
     .ends = Ends::nowhere},
    {.name = "first_shows_the_ports_only",
     .pieces = {{0, 8}, {8, 1000}},
     .drops = std::vector(2, Drop::reassemble_malformed),
     .ends = Ends::nowhere},
    {.name = "first_hides_the_inner_header",
     .pieces = {{0, 24}, {24, 1000}},
     .drops = std::vector(2, Drop::reassemble_malformed),
     .ends = Ends::nowhere},
    // not from an uplink of the node
    {.name = "wrong_tuple",
     .pieces = {kFirst, kMiddle, kLast},
     .drops = std::vector(3, Drop::decap_wrong_tuple),
     .datagram = whole(1, kWlan, 435),
     .ends = Ends::nowhere},
    {.name = "wrong_tuple_first_one_late",
     .pieces = {kLast, kFirst, kMiddle},
     .drops = std::vector(3, Drop::decap_wrong_tuple),
     .datagram = whole(1, kFar),
     .ends = Ends::nowhere},
    {.name = "unbound",
     .pieces = {kFirst, kMiddle, kLast},
     .drops = std::vector(3, Drop::decap_unknown_home_address),
     .datagram = uplink(Ip{.src = "158.132.10.99", .dst = kPeer} / Raw::pattern(968)),
     .ends = Ends::nowhere},
    // others' datagrams are the kernel's to put together
    {.name = "registration",
     .pieces = {kFirst, kMiddle, kLast},
     .datagram = registration(),
     .ends = Ends::in_the_kernel,
     .kernel_class = KernelClass::registration},
    {.name = "registration_first_one_late",
     .pieces = {kLast, kMiddle, kFirst},
     .datagram = registration(),
     .ends = Ends::in_the_kernel,
     .kernel_class = KernelClass::registration},
    {.name = "another_service",
     .pieces = {kFirst, kMiddle, kLast},
     .datagram = to_another_service(),
     .ends = Ends::in_the_kernel},
    {.name = "another_service_first_one_late",
     .pieces = {kMiddle, kFirst, kLast},
     .datagram = to_another_service(),
     .ends = Ends::in_the_kernel},
    {.name = "another_service_tiny_first_one",
     .pieces = {{0, 8}, {8, 1000}},
     .datagram = to_another_service(),
     .ends = Ends::in_the_kernel},
};

INSTANTIATE_TEST_SUITE_P(Rows, Reassembly, testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

/// Runs the pieces of one datagram.
void run(Lab& lab, const Bytes& datagram, const std::vector<Piece>& pieces) {
    for (const Piece& piece : pieces) {
        lab.run(kAccess, Origin::wire, cut(datagram, piece));
    }
}

/// Codepoints of three fragments, and of the whole as an ECN-capable inner packet shows it; −1: dropped.
TEST(Reassembly, EcnOfTheWhole) {
    struct Row {
        std::uint8_t first, middle, last;
        int whole;
    };
    constexpr std::uint8_t kNot = 0, kEct1 = 1, kEct0 = 2, kCe = 3;
    constexpr Row kCodepoints[] = {
        {kNot, kNot, kNot, kEct0}, {kEct0, kEct0, kEct0, kEct0}, {kEct1, kEct1, kEct1, kEct1},
        {kCe, kCe, kCe, kCe},      {kEct0, kEct0, kCe, kCe},     {kEct0, kCe, kEct0, kCe},
        {kCe, kEct0, kEct0, kCe},  {kCe, kEct1, kEct1, kCe},     {kEct0, kEct1, kEct1, kEct0},
        {kEct1, kEct0, kCe, kCe},  {kNot, kCe, kNot, -1},        {kCe, kNot, kNot, -1},
        {kNot, kNot, kEct0, -1},   {kEct1, kNot, kEct1, -1},     {kEct0, kNot, kCe, -1},
    };
    const Bytes datagram = uplink(inner(64, 0xb8 | kEct0)).bytes();
    for (const Row& row : kCodepoints) {
        SCOPED_TRACE(testing::Message() << int{row.first} << int{row.middle} << int{row.last});
        Lab lab;
        run(lab, datagram, {{0, 400, row.first}, {800, 1000, row.last}, {400, 800, row.middle}});
        if (row.whole < 0) {
            EXPECT_TRUE(lab.emitted.empty());
            EXPECT_EQ(lab.drops(), (std::map<std::string, std::uint64_t>{{"reassemble.ecn", 3}}));
        } else {
            ASSERT_EQ(lab.emitted.size(), 1U);
            EXPECT_EQ(harness::to_hex(lab.emitted[0].frame),
                      harness::to_hex(to_peer(inner(63, static_cast<std::uint8_t>(0xb8 | row.whole))).bytes()));
        }
        EXPECT_EQ(lab.leaked(), 0U);
    }
}

/// What only the whole shows: the checks of tunnel data hold for it as for any other.
TEST(Reassembly, TheWholeIsChecked) {
    struct Row {
        const char* name;
        Stack datagram;
        Drop drop;
    };
    const auto bent = [](const Udp& udp, const Stack& carried) {
        return Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = kWlan, .dst = kHomeAgent} / udp / Tunnel{} /
               carried;
    };
    const Row rows[] = {
        {"udp_checksum", bent({.src = kWlanPort, .dst = 434, .checksum = 0x1234}, inner()), Drop::decap_udp_checksum},
        {"udp_length", bent({.src = kWlanPort, .dst = 434, .length = 1001}, inner()), Drop::decap_udp_length},
        {"inner_length",
         bent({.src = kWlanPort, .dst = 434}, Ip{.src = kNode, .dst = kPeer, .length = 989} / Raw::pattern(968)),
         Drop::decap_inner_header},
        {"inner_checksum",
         bent({.src = kWlanPort, .dst = 434}, Ip{.src = kNode, .dst = kPeer, .checksum = 1} / Raw::pattern(968)),
         Drop::decap_inner_checksum},
        {"registration_inside",
         bent({.src = kWlanPort, .dst = 434},
              Ip{.src = kNode, .dst = kHomeAgent} / Udp{.src = 434, .dst = 434} / Raw::pattern(960)),
         Drop::decap_registration_inside},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Lab lab;
        lab.rx_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;  // which says nothing about the whole
        run(lab, row.datagram.bytes(), {{0, 32}, {32, 200}, {200, 1000}});
        EXPECT_EQ(lab.drops(), (std::map<std::string, std::uint64_t>{{std::string{name(row.drop)}, 1}}));
        EXPECT_TRUE(lab.emitted.empty());
        EXPECT_EQ(lab.leaked(), 0U);
    }
}

TEST(Reassembly, ZeroChecksumIsAccepted) {
    Lab lab;
    run(lab,
        (Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = kWlan, .dst = kHomeAgent} /
         Udp{.src = kWlanPort, .dst = 434, .checksum = 0} / Tunnel{} / inner())
            .bytes(),
        {kFirst, kMiddle, kLast});
    EXPECT_EQ(lab.emitted.size(), 1U);
}

TEST(Reassembly, PaddingOfAShortFrameIsNotData) {
    Lab lab;
    const Bytes datagram = whole().bytes();
    Bytes last = cut(datagram, {992, 1000});
    last.resize(60, 0xee);
    Bytes first = cut(datagram, {0, 992});
    first.insert(first.end(), 4, 0xee);
    lab.run(kAccess, Origin::wire, last);
    lab.run(kAccess, Origin::wire, first);
    ASSERT_EQ(lab.emitted.size(), 1U);
    EXPECT_EQ(harness::to_hex(lab.emitted[0].frame), harness::to_hex(to_peer(inner(63)).bytes()));
}

TEST(Reassembly, AKeepaliveInFragments) {
    Lab lab;
    const auto echo = [](std::uint8_t type, Address from, Address to) {
        return Ip{.src = from, .dst = to, .id = 9} / Icmp{.type = type, .rest = 0x00070001} / Raw::pattern(960);
    };
    const Bytes request = uplink(echo(8, kNode, kHomeAgent), kCellular, kCellularPort).bytes();
    run(lab, request, {kLast, kFirst, kMiddle});
    ASSERT_EQ(lab.emitted.size(), 1U);
    EXPECT_EQ(harness::to_hex(normalised(lab.emitted[0].frame)),
              harness::to_hex(downlink(echo(0, kHomeAgent, kNode), kCellular, kCellularPort).bytes()));
    EXPECT_EQ(harness::checksum_fault(lab.emitted[0].frame), "");
    EXPECT_EQ(lab.count(Event::echo_replies), 1U);
    EXPECT_EQ(lab.leaked(), 0U);
}

/// A reply that fits the tunnel no more than the request did.
TEST(Reassembly, AKeepaliveLargerThanTheTunnel) {
    for (const bool df : {false, true}) {
        SCOPED_TRACE(df);
        Lab lab;
        const auto echo = [&](std::uint8_t type, Address from, Address to) {
            return Ip{.src = from, .dst = to, .id = 9, .df = df} / Icmp{.type = type, .rest = 0x00070001} /
                   Raw::pattern(3000);
        };
        run(lab, uplink(echo(8, kNode, kHomeAgent)).bytes(), pieces_of(1480, 3040));
        if (df) {
            EXPECT_TRUE(lab.emitted.empty());
            EXPECT_EQ(lab.drops(), (std::map<std::string, std::uint64_t>{{"encap.too_big", 1}}));
        } else {
            EXPECT_EQ(lab.emitted.size(), 3U);
            Bytes payload;
            for (const Emitted& emitted : lab.emitted) {
                EXPECT_LE(emitted.frame.size(), 1514U);
                EXPECT_EQ(harness::checksum_fault(emitted.frame), "");
                payload.insert(payload.end(), emitted.frame.begin() + 66, emitted.frame.end());
            }
            const Bytes reply = echo(0, kHomeAgent, kNode).bytes();
            EXPECT_EQ(payload, Bytes(reply.begin() + 20, reply.end()));
        }
        EXPECT_TRUE(lab.requests.empty());
        EXPECT_EQ(lab.leaked(), 0U);
    }
}

/// Larger than the home link's MTU: cut for it, or refused with what fits.
TEST(Reassembly, LargerThanTheHomeLink) {
    const unsigned data = 3000 - 28;
    for (const bool df : {false, true}) {
        SCOPED_TRACE(df);
        Lab lab;
        run(lab, uplink(inner(64, 0, data, df)).bytes(), pieces_of(1480, 3012));
        if (df) {
            EXPECT_EQ(lab.drops(), (std::map<std::string, std::uint64_t>{{"forward.too_big", 1}}));
            ASSERT_EQ(lab.emitted.size(), 1U);
            Bytes quote = inner(63, 0, data, df).bytes();
            quote.resize(548);
            EXPECT_EQ(harness::to_hex(normalised(lab.emitted[0].frame)),
                      harness::to_hex(downlink(Ip{.src = kHomeAgent, .dst = kNode, .tos = 0xc0, .id = 0} /
                                                   Icmp{.type = 3, .code = 4, .rest = 1500} / Raw{quote},
                                               kWlan, kWlanPort, 0xc0)
                                          .bytes()));
        } else {
            ASSERT_EQ(lab.emitted.size(), 3U);
            Bytes payload;
            for (const Emitted& emitted : lab.emitted) {
                EXPECT_EQ(emitted.port, kHome);
                EXPECT_LE(emitted.frame.size(), 1514U);
                payload.insert(payload.end(), emitted.frame.begin() + 34, emitted.frame.end());
            }
            const Bytes sent = inner(63, 0, data).bytes();
            EXPECT_EQ(payload, Bytes(sent.begin() + 20, sent.end()));
        }
        EXPECT_EQ(lab.leaked(), 0U);
    }
}

/// What no buffer holds leaves as a chain, as long as the headers lie together.
TEST(Reassembly, LargerThanABuffer) {
    const Bytes datagram = uplink(inner(64, 0, 6000)).bytes();
    Lab lab;
    lab.set_mtu(kHome, 9000);
    run(lab, datagram, reversed(pieces_of(1480, 6040)));
    ASSERT_EQ(lab.emitted.size(), 1U);
    EXPECT_EQ(harness::to_hex(lab.emitted[0].frame), harness::to_hex(to_peer(inner(63, 0, 6000)).bytes()));
    run(lab, datagram, {{0, 48}, {48, 3000}, {3000, 6040}});
    EXPECT_EQ(lab.drops(), (std::map<std::string, std::uint64_t>{{"reassemble.malformed", 1}}));
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Reassembly, FragmentsInSegmentsAndLentBuffers) {
    Lab lab;
    lab.headroom = RTE_PKTMBUF_HEADROOM + 2048 - 100;  // a hundred bytes in the first segment
    run(lab, uplink(inner(64, 0, 6000)).bytes(), {{0, 3000}, {3000, 6040}});
    EXPECT_EQ(lab.drops(),
              (std::map<std::string, std::uint64_t>{{"reassemble.malformed", 1}}));  // headers fit 136 bytes
    lab.headroom = RTE_PKTMBUF_HEADROOM + 2048 - 200;
    lab.set_mtu(kHome, 9000);
    run(lab, uplink(inner(64, 0, 6000)).bytes(), {{0, 3000}, {3000, 6040}});
    ASSERT_EQ(lab.emitted.size(), 1U);
    EXPECT_EQ(harness::to_hex(lab.emitted[0].frame), harness::to_hex(to_peer(inner(63, 0, 6000)).bytes()));
    lab.headroom = RTE_PKTMBUF_HEADROOM;
    lab.lent_buffers = true;
    run(lab, whole().bytes(), {kFirst, kMiddle, kLast});
    EXPECT_EQ(lab.emitted.size(), 2U);
    EXPECT_EQ(lab.returned_buffers, 3U);
    EXPECT_EQ(lab.leaked(), 0U);
}

/// Datagrams that differ in source or id do not meet, however their fragments mix.
TEST(Reassembly, ManyAtOnce) {
    Lab lab;
    std::vector<Bytes> frames;
    for (const Piece& piece : {kLast, kFirst, kMiddle}) {
        for (std::uint16_t id = 1; id <= 5; ++id) {
            frames.push_back(cut(whole(id).bytes(), piece));
            frames.push_back(cut(whole(id, kCellular, kCellularPort).bytes(), piece));
        }
    }
    lab.run_burst(kAccess, Origin::wire, frames);
    EXPECT_EQ(lab.emitted.size(), 10U);
    for (const Emitted& emitted : lab.emitted) {
        EXPECT_EQ(harness::to_hex(emitted.frame), harness::to_hex(to_peer(inner(63)).bytes()));
    }
    EXPECT_EQ(lab.count(Event::fragments_reassembled), 30U);
    EXPECT_TRUE(lab.drops().empty());
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Reassembly, AnIdIsFreeAgainAfterItsTime) {
    Lab lab;
    const Bytes datagram = whole().bytes();
    run(lab, datagram, {kFirst, {8, 16}});
    EXPECT_EQ(lab.count(Drop::reassemble_overlap), 2U);
    lab.advance_ms(999);
    lab.tick();
    run(lab, datagram, {kLast});
    EXPECT_EQ(lab.count(Drop::reassemble_overlap), 3U);
    lab.advance_ms(1);
    lab.tick();
    run(lab, datagram, {kFirst, kMiddle, kLast});
    EXPECT_EQ(lab.emitted.size(), 1U);
}

TEST(Reassembly, TimeoutsAreSpreadOverRounds) {
    Lab lab;
    for (std::uint16_t id = 0; id < 10; ++id) {
        run(lab, whole(id).bytes(), {kFirst, kMiddle});
    }
    lab.advance_ms(1000);
    for (const std::uint64_t dropped : {8U, 16U, 20U, 20U}) {
        lab.tick();
        EXPECT_EQ(lab.count(Drop::reassemble_timeout), dropped);
    }
    EXPECT_EQ(lab.leaked(), 0U);
}

/// The oldest of one source go first, those that proved to be ours last.
TEST(Reassembly, PlacesOfOneSource) {
    Lab lab{true, true, {.datagrams = 16, .buffers = 128, .timeout_ms = 1000}};
    for (std::uint16_t id = 0; id < 10; ++id) {
        run(lab, whole(id).bytes(), {kMiddle});  // nobody knows whose these are
        lab.advance_ms(1);
    }
    for (std::uint16_t id = 100; id < 115; ++id) {
        run(lab, whole(id).bytes(), {kFirst});
        lab.advance_ms(1);
    }
    EXPECT_EQ(lab.count(Drop::reassemble_table_full), 9U);
    run(lab, whole(9).bytes(), {kFirst, kLast});  // the one that was left of the unknown
    EXPECT_EQ(lab.emitted.size(), 1U);
    run(lab, whole(200).bytes(), {kFirst});
    run(lab, whole(201).bytes(), {kMiddle});  // all 16 are ours
    EXPECT_EQ(lab.count(Drop::reassemble_table_full), 10U);
    run(lab, whole(100).bytes(), {kLast});
    EXPECT_EQ(lab.leaked(), 17U);
    run(lab, whole(202).bytes(), {kFirst});
    EXPECT_EQ(lab.count(Drop::reassemble_table_full), 12U);
    run(lab, whole(101).bytes(), {kMiddle, kLast});
    EXPECT_EQ(lab.emitted.size(), 2U);
    run(lab, whole(100).bytes(), {kMiddle});  // was the oldest
    EXPECT_EQ(lab.emitted.size(), 2U);
}

/// Buffers: the unknown share a quarter of them, and are the first to go for what is ours.
TEST(Reassembly, BuffersAreBounded) {
    Lab lab{true, true, {.datagrams = 64, .buffers = 40, .timeout_ms = 1000}};
    for (std::uint16_t id = 0; id < 14; ++id) {
        run(lab, whole(id).bytes(), {kMiddle});
    }
    EXPECT_EQ(lab.leaked(), 10U);
    EXPECT_EQ(lab.count(Drop::reassemble_memory), 4U);
    for (std::uint16_t id = 100; id < 104; ++id) {
        run(lab, whole(id).bytes(), pieces_of(64));
        run(lab, whole(id + 100).bytes(), reversed(pieces_of(120)));
    }
    EXPECT_EQ(lab.emitted.size(), 8U);
    std::vector<Piece> all_but_last = pieces_of(64);
    all_but_last.pop_back();
    for (std::uint16_t id = 100; id < 103; ++id) {
        run(lab, whole(id).bytes(), all_but_last);
        EXPECT_LE(lab.leaked(), 40U);
    }
    EXPECT_EQ(lab.count(Drop::reassemble_memory), 14U + 15U);  // all the unknown, then the oldest of ours
    run(lab, whole(101).bytes(), {{960, 1000}});
    run(lab, whole(102).bytes(), {{960, 1000}});
    EXPECT_EQ(lab.emitted.size(), 10U);
}

TEST(Reassembly, OneDatagramIsNotLetGrowBeyondTheBuffers) {
    Lab lab{true, true, {.datagrams = 64, .buffers = 8, .timeout_ms = 1000}};
    run(lab, whole().bytes(), pieces_of(64));
    EXPECT_EQ(lab.drops(), (std::map<std::string, std::uint64_t>{{"reassemble.memory", 16}}));
    EXPECT_EQ(lab.leaked(), 0U);
}

/// Fragments from everywhere, of datagrams that never become whole: what is held stays within its bounds, and both
/// ordinary packets and a node's fragments pass.
TEST(Reassembly, AFloodLocksNobodyOut) {
    Lab lab;
    const Bytes ordinary = uplink(inner()).bytes();
    std::uint32_t random = 1;
    for (unsigned round = 0; round < 500; ++round) {
        std::vector<Bytes> burst;
        for (unsigned i = 0; i < 30; ++i) {
            random = random * 1664525 + 1013904223;
            const Address from{0xcb007100 | (random >> 24)};
            burst.push_back(
                cut(whole(static_cast<std::uint16_t>(random >> 8), from).bytes(), i % 2 == 0 ? kMiddle : kLast));
        }
        burst.push_back(ordinary);
        lab.run_burst(kAccess, Origin::wire, burst);
        run(lab, whole(static_cast<std::uint16_t>(round)).bytes(), {kFirst, kMiddle, kLast});
        EXPECT_LE(lab.leaked(), 32U);
        lab.tick();
    }
    EXPECT_EQ(lab.emitted.size(), 1000U);
}

TEST(Reassembly, AWorkerThatEndsFreesWhatItHolds) {
    Lab lab;
    run(lab, whole(1).bytes(), {kFirst, kMiddle});
    run(lab, whole(2).bytes(), {kLast});
    lab.end();
    EXPECT_EQ(lab.count(Drop::stopping), 3U);
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Reassembly, UntilSettingsCameFragmentsAreTheKernels) {
    Lab lab{/*settled=*/false};
    run(lab, whole().bytes(), {kFirst, kLast});
    ASSERT_EQ(lab.emitted.size(), 2U);
    EXPECT_TRUE(lab.emitted[0].kernel);
    EXPECT_TRUE(lab.emitted[1].kernel);
}

}  // namespace
}  // namespace lab
