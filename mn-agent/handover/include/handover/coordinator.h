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
    attached,   ///< in the registration client's hands
    draining,   ///< in use no more, its binding still to be given up
};

/// What an operator may ask for.
enum class Request : std::uint8_t { up, drain, down };

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
///       ▲                               │                          │  │                 ▲ │
///       └───────────── lost ────────────┴──────────────────────────┘  └──── `drain` ────┘ │
///       ▲                                                                                 │
///       └──────────────────────── binding given up, or lost ──────────────────────────────┘
///
/// A loss acts at once: first the uplink stops being usable, so that flows leave by the next preference, then its
/// binding is given up over a survivor. A return waits: hold-down runs from the moment the uplink was whole again and
/// begins anew with every loss, so that a flapping link changes nothing. It is skipped the first time an uplink is
/// seen, when the operator asks, and when there is no other uplink: a poor one is better than none.
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
        Duration whole_since{};
    };

    void attach(unsigned slot);
    void lose(unsigned slot, Duration now);
    void set_usable(unsigned slot, bool usable);
    void stop(unsigned slot, bool gently);
    bool alone(unsigned slot) const;
    void consider(unsigned slot, Duration now);
    void notice(Notice::Kind kind, unsigned slot, std::string text);

    std::vector<Slot> slots_;
    Duration hold_down_;
    std::vector<Action> actions_;
};

}  // namespace homeward::handover
