#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "handover/path_quality.h"

namespace homeward::handover {

struct PathSettings {
    Duration interval = std::chrono::milliseconds(50);       ///< between probes under traffic; 0: nothing is probed
    unsigned unanswered = 3;                                 ///< so many in a row: dead, on a path without other loss
    Duration shortest_wait = std::chrono::milliseconds(50);  ///< for an answer
    Duration hold_down = std::chrono::seconds(2);            ///< of the Coordinator; a dead path is asked in its rhythm
};

// What the driver has to do ------------------------------------------------------------------------------------------

/// An echo through the tunnel of exactly this uplink; its answer comes back by `answered` with the same number.
struct SendProbe {
    unsigned slot = 0;
    std::uint32_t number = 0;
};
/// A question that the home agent answers on this uplink although it holds no binding of it; answer: `heard`.
struct SendAsk {
    unsigned slot = 0;
};
/// Probes are unanswered: register again on this uplink, for a NAT may have forgotten it.
struct Refresh {
    unsigned slot = 0;
};
/// For the Coordinator's `path`.
struct PathVerdict {
    unsigned slot = 0;
    bool alive = false;
};

using PathAction = std::variant<SendProbe, SendAsk, Refresh, PathVerdict>;

/// Tells live paths from dead ones when the link says nothing (a blackhole, a NAT that forgot), by what comes back
/// from the home agent. Pure: the time is an argument; what it saw is handed in, what is to be done taken out.
///
///     off ──start──► watched ──a run of unanswered probes, while another path answers──► dead
///      ▲               │ ▲                                                                │ ▲
///      └─────stop──────┘ └──────────────── start (the Coordinator took it back) ──────────┘ │
///                                  dead: asked now and then; an answer is a verdict "alive", silence after it "dead"
///
/// **Under traffic** (data within the last second, either way) a probe leaves when nothing came for `interval`, and
/// every ten intervals anyway, to measure. Each has max(`shortest_wait`, srtt + 4·var) to be answered. Anything
/// received on the path is life and ends a run. **Idle** paths are not probed: the registration client's keepalives
/// hold the NAT mapping; one that stays unanswered is followed by probes.
///
/// **Dead** is a path with `unanswered` probes in a row unanswered, more on a path that loses some anyway
/// (PathQuality::run_that_tells), and only if another watched path proves meanwhile that the home agent answers, and
/// not only that it did before a pause (`proof_against`): it is probed, too, as soon as there is doubt. If none
/// answers, nothing is to be gained by moving; probes become rarer, to one per second. A radio that slept gets its
/// `wake_up` time first. And what waits in the node itself is not the path's silence (`unread`).
///
/// **A NAT that forgot its mapping** looks the same and is repaired first: two probes before the verdict (at the first
/// one of three) `Refresh` registers again; its reply is life, and the following probes are answered again. While no
/// path answers it is the home agent that is away, and nobody registers for that; a single path cannot tell.
class PathWatch {
  public:
    /// `wake_ups[slot]`: how long the uplink's radio may take to carry its first packet after idleness.
    PathWatch(std::vector<Duration> wake_ups, PathSettings settings);

    /// The path carries flows from now on: bound, link there. Repeating it changes nothing.
    void start(unsigned slot, Duration now);
    /// It does not any more, for another reason than our verdict: not watched, not asked.
    void stop(unsigned slot);
    /// It leads through another network.
    void moved(unsigned slot) { slots_[slot].quality.reset(); }

    /// Data packets carried so far.
    void traffic(unsigned slot, std::uint64_t sent, std::uint64_t received, Duration now);
    /// Whether datagrams of this path have arrived that nobody looked at yet: what is unanswered may be among them, so
    /// while they wait no probe's time ends and no verdict falls, and how long they waited says nothing of the path.
    void unread(unsigned slot, bool waiting);
    /// Something else came from the home agent: a registration reply, the answer to a keepalive.
    void heard(unsigned slot, Duration now);
    void answered(unsigned slot, std::uint32_t number, Duration now);
    /// A keepalive left; unanswered, it raises doubt.
    void keepalive_sent(unsigned slot, Duration now);
    void keepalive_answered(unsigned slot, Duration round_trip, Duration now);

    void set(PathSettings settings) { settings_ = settings; }
    void tick(Duration now);
    /// `traffic`, `unread` and then `tick` are due; nullopt: never.
    std::optional<Duration> next_deadline() const;
    std::vector<PathAction> take_actions();

    const PathQuality& quality(unsigned slot) const { return slots_[slot].quality; }
    bool dead(unsigned slot) const { return slots_[slot].state == State::dead; }

  private:
    enum class State : std::uint8_t { off, watched, dead };
    struct Probe {
        std::uint32_t number = 0;
        Duration sent_at{};
        Duration deadline{};
        bool open = false;     ///< neither answered nor overtaken by life
        bool overdue = false;  ///< open, and its time is over
        bool answered = false;
        bool counted = false;  ///< as lost
    };
    struct Slot {
        State state = State::off;
        bool unread = false;
        bool waited = false;  ///< `unread` now or at the look before
        Duration wake_up{};
        PathQuality quality;
        std::array<Probe, 64> probes{};
        std::uint32_t next_number = 0;
        std::uint64_t sent = 0, received = 0;
        std::optional<Duration> traffic_at;
        std::optional<Duration> doubt_at;  ///< then it is probed even without traffic
        Duration heard_at{};
        Duration quiet_since{};  ///< heard last, or when traffic began after a pause
        Duration probed_at{};
        Duration awake_at{};                ///< no verdict before
        std::optional<Duration> proven_at;  ///< in a run: then another path's life tells, see `proof_against`
        std::optional<Duration> refreshed_at;
        // While dead.
        Duration ask_at{};
        Duration ask_spacing{};
        bool asking = false;
        bool answers = false;
    };

    bool active(const Slot& slot, Duration now) const;
    unsigned run(const Slot& slot) const;
    bool another_answers(unsigned slot) const;
    std::optional<Duration> proof_against(unsigned slot) const;
    bool alone(unsigned slot) const;
    void forgive_others(const Slot& returned);
    void live(Slot& slot, Duration now, bool repaired = false);
    void probe(unsigned slot, Duration now);
    void expire(Slot& slot, Duration now, Duration late);
    void watch(unsigned slot, Duration now);
    void doubt(unsigned slot, unsigned run, Duration now);
    void ask(unsigned slot, Duration now);
    Duration spacing(const Slot& slot, unsigned run) const;
    Duration ask_rhythm() const;
    Duration busy_deadline(const Slot& slot, Duration ticked) const;

    PathSettings settings_;
    std::vector<Slot> slots_;
    std::vector<PathAction> actions_;
    std::optional<Duration> ticked_at_;
};

}  // namespace homeward::handover
