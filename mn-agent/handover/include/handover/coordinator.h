#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/rule.h"
#include "uplinks/link_model.h"

namespace homeward::handover {

using Duration = std::chrono::nanoseconds;

enum class State : std::uint8_t {
    down,       ///< no interface, no link, no address, or told to be down
    hold_down,  ///< back, and not trusted yet
    silent,     ///< link and address are there, but the home agent does not answer by them
    attached,   ///< in the registration client's hands
    draining,   ///< in use no more, its binding still to be given up
};

/// What an operator may ask for.
enum class Request : std::uint8_t { up, drain, down };

/// What a decision maker wants of an uplink: signal thresholds, a selection engine. The Coordinator carries it out make
/// before break, and only while it can: the last uplink is never left.
enum class Wish : std::uint8_t { use, leave };
struct Decision {
    unsigned slot = 0;
    Wish wish = Wish::use;
    std::string reason;  ///< one phrase for people: "its signal fell to -82 dBm"
};

// What the driver has to do, in order --------------------------------------------------------------------------------

/// Routes, socket, then the client's uplink_up. `renewed`: the same address behind another gateway; the socket stays.
struct Attach {
    unsigned slot = 0;
    uplinks::Attachment attachment;
    bool renewed = false;
};
/// The client's uplink_down. `receive`: the link is still there, so the socket goes on receiving.
struct Detach {
    unsigned slot = 0;
    bool receive = false;
};
/// The client's drain.
struct Drain {
    unsigned slot = 0;
};
/// Whether new packets may leave by the uplink; before anything else that follows.
struct SetUsable {
    unsigned slot = 0;
    bool usable = false;
};
/// For the log and `homeward monitor`.
struct Notice {
    enum class Kind : std::uint8_t { uplink_up, uplink_down, handover } kind{};
    unsigned slot = 0;
    std::string text;
};
std::string_view name(Notice::Kind kind) noexcept;

using Action = std::variant<Attach, Detach, Drain, SetUsable, Notice>;

struct Uplink {
    std::string name;
    policy::Label label = 0;
};

/// Decides what follows from what happens to the uplinks; pure, the time is an argument.
///
///     down ──has link and address──► hold_down ──stayed so long──► attached ◄──`up`── draining
///       ▲                               │  ▲ │                     │ │  │               ▲ │
///       └───────────── lost ────────────┴──│─│─────────────────────┘ │  └──── `drain`, ─┘ │
///       ▲                                  │ ▼                       │        leave       │
///       │                                 silent ◄──path is dead─────┘                    │
///       └──────────────────────── binding given up, or lost ──────────────────────────────┘
///
/// A loss acts at once: first the uplink stops being usable, so that flows leave by the next preference, then its
/// binding is given up over a survivor. A return waits: hold-down runs from the moment the uplink was whole again and
/// begins anew with every loss, so that a flapping link changes nothing. It is skipped the first time an uplink is
/// seen, when the operator asks, and when there is no other uplink: a poor one is better than none. An uplink whose
/// path dies again soon after its return waits twice as long each time.
///
/// A dead path (PathWatch) is a loss with the link still there: the socket goes on receiving, and hold-down begins with
/// the first answer. An uplink to leave is drained as soon as another one can carry its flows, not before.
///
/// An attached uplink carries packets only while its binding stands (`binding`).
class Coordinator {
  public:
    Coordinator(std::vector<Uplink> uplinks, Duration hold_down);

    /// The interface is now like this. Repeating it changes nothing.
    void attachment(unsigned slot, const uplinks::Attachment& attachment, Duration now);
    /// The binding's state at the home agent.
    void binding(unsigned slot, bool bound, bool draining, Duration now);
    void request(unsigned slot, Request request, Duration now);
    /// Whether the home agent answers by this uplink, as PathWatch judges. Ignored where nothing else is usable.
    void path(unsigned slot, bool alive, Duration now);
    /// Stays in force until the opposite is wished.
    void decide(const Decision& decision, Duration now);
    void set_hold_down(Duration hold_down) { hold_down_ = hold_down; }
    void tick(Duration now);
    std::optional<Duration> next_deadline() const;
    std::vector<Action> take_actions();

    State state(unsigned slot) const { return slots_[slot].state; }
    bool usable(unsigned slot) const { return slots_[slot].usable; }
    const uplinks::Attachment& present(unsigned slot) const { return slots_[slot].attachment; }
    /// Why the uplink is not attached, one phrase; empty when it is.
    std::string reason(unsigned slot) const;

  private:
    struct Slot {
        Uplink uplink;
        uplinks::Attachment attachment;
        State state = State::down;
        bool stopped = false;  ///< told to be down or drained, until `up`
        bool drained = false;
        bool seen = false;  ///< was attached before
        bool usable = false;
        bool released = true;  ///< the client holds no binding of it
        bool path_dead = false;
        bool died = false;                 ///< its path, some time
        std::optional<std::string> leave;  ///< wished, and why
        unsigned relapses = 0;             ///< deaths of the path, each soon after the return from the last
        Duration whole_since{};
        Duration attached_at{};
    };

    void attach(unsigned slot, Duration now);
    void lose(unsigned slot, Duration now);
    void set_usable(unsigned slot, bool usable);
    void stop(unsigned slot, bool gently);
    bool alone(unsigned slot) const;
    void consider(unsigned slot, Duration now);
    void consider_others(unsigned slot, Duration now);
    void settle(Duration now);
    void fall_silent(unsigned slot, Duration now);
    bool another_usable(unsigned slot, bool even_unwanted) const;
    Duration hold_down_of(const Slot& slot) const;
    void notice(Notice::Kind kind, unsigned slot, std::string text);

    std::vector<Slot> slots_;
    Duration hold_down_;
    std::vector<Action> actions_;
};

}  // namespace homeward::handover
