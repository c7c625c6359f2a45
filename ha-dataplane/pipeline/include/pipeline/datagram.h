#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "pipeline/headers.h"
#include "pipeline/output.h"
#include "stats/counters.h"

namespace homeward::pipeline {

/// Which of its datagram's bytes a fragment carries.
struct Span {
    std::uint16_t begin = 0;  ///< a multiple of 8
    std::uint16_t end = 0;    ///< behind `begin`, at most kMaxPayload
    bool more = false;        ///< not the last fragment: then `end` is a multiple of 8, too

    static constexpr unsigned kMaxPayload = 65535 - sizeof(Ipv4Header);

    /// False when no datagram can have such a fragment. The header was found valid.
    static bool read(const Ipv4Header& ip, Span& out) noexcept;
};

/// A fragmented datagram to us and those of its fragments that are held. They are kept in order and never overlap, so
/// that the datagram is complete when their bytes are as many as its last fragment's end says. What overlaps or
/// contradicts what is there makes the whole datagram untrustworthy (RFC 1858, RFC 3128, RFC 5722).
struct Datagram {
    /// No path cuts a datagram of 8 KB into more, as long as it carries the 576 bytes that hosts assume.
    static constexpr unsigned kPieces = 16;

    enum class State : std::uint8_t {
        unknown,  ///< the first fragment, which says whose it is, has not come
        ours,     ///< tunnel data, from where a node has an uplink
        kernel,   ///< something else: what comes goes to the kernel; nothing is held
        refused,  ///< given up: what still comes is dropped; nothing is held
    };
    struct Verdict {
        State state = State::unknown;
        KernelClass kernel_class = KernelClass::other;           ///< State::kernel
        stats::Drop reason = stats::Drop::reassemble_malformed;  ///< State::refused
    };
    enum class Fit : std::uint8_t { kept, duplicate, overlap, too_many };
    struct Piece {
        rte_mbuf* frame;  ///< from the Ethernet header to the end of the IP packet
        std::uint16_t begin, end;
    };

    std::uint32_t source = 0;  ///< host order
    std::uint16_t id = 0;      ///< host order
    Verdict verdict;
    std::uint8_t ecn_seen = 0;           ///< bit n: a fragment has codepoint n
    std::uint8_t count = 0;              ///< pieces
    std::uint16_t held = 0;              ///< bytes of its payload
    std::uint16_t total = 0;             ///< bytes of its payload; 0: not known yet
    std::uint32_t buffers = 0;           ///< mbufs of the pieces
    std::uint32_t older = 0, newer = 0;  ///< neighbours in the queue of its state
    std::uint64_t since = 0;             ///< TSC, when it got its state
    std::array<Piece, kPieces> pieces{};

    /// Puts the piece at its place. Unless it was kept, the frame is still the caller's.
    Fit add(rte_mbuf* frame, const Span& span) noexcept;
    bool complete() const noexcept { return held == total; }
};

}  // namespace homeward::pipeline
