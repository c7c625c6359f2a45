#include "command.h"

#include <CLI/CLI.hpp>
#include <ostream>

#include "session.h"

namespace homeward::cli {

namespace {

using Action = int (Session::*)();

/// The grammar of the command line; every subcommand sets what is to be done.
class Grammar {
  public:
    Grammar(Options& options, Action& action) : options_(options), action_(action) {
        app_.require_subcommand(1);
        app_.set_version_flag("--version", "homeward " HOMEWARD_RELEASE);
        app_.fallthrough();
        app_.add_option("--socket", options_.socket,
                        "the daemon's admin socket (else $HOMEWARD_SOCKET, else those in /run/homeward)");
        add_show();
        add_route();
        add_files();
        add_uplink();
        add_monitor();
        add_engine();
    }

    CLI::App& app() { return app_; }

  private:
    CLI::App* command(CLI::App& parent, const std::string& name, const std::string& description, Action action) {
        CLI::App* added = parent.add_subcommand(name, description);
        added->add_flag("--json", options_.json, "the daemon's answer as it is");
        added->callback([this, action] { action_ = action; });
        return added;
    }

    void add_show() {
        CLI::App* show =
            command(app_, "show", "what there is: daemons, bindings, uplinks, policy, counters", &Session::show);
        show->add_option("subject", options_.subject,
                         "one part of it: bindings, uplinks, policy, engine, consequences, drops, stats")
            ->check(CLI::IsMember({"bindings", "uplinks", "policy", "engine", "consequences", "drops", "stats"}));
        show->add_flag("--all", options_.all, "every rule of a large policy");
        show->add_option("--node", options_.node, "at the home agent: of this node (home address or NAI)");
    }

    void add_route() {
        CLI::App* route = app_.add_subcommand("route", "what the policy does with packets");
        route->require_subcommand(1);
        CLI::App* get =
            command(*route, "get", "which rule and which uplink a correspondent gets, and why", &Session::route);
        get->add_option("address", options_.address, "the correspondent")->required()->check(CLI::ValidIPV4);
        get->add_option("--protocol", options_.protocol, "tcp, udp, icmp or a number");
        get->add_option("--port", options_.port, "the correspondent's port")->check(CLI::Range(0, 65535));
        get->add_option("--node", options_.node, "at the home agent: for this node (home address or NAI)");
    }

    void add_files() {
        CLI::App* check = command(app_, "check", "is this configuration or policy file good?", &Session::check);
        check->add_option("file", options_.file, "home agent, mobile node or policy YAML")->required();
        command(app_, "reload", "read configuration and policy again; a bad file changes nothing", &Session::reload);
    }

    void add_uplink() {
        CLI::App* uplink =
            command(app_, "uplink", "use an uplink, move its flows off it, or stop using it", &Session::uplink);
        uplink->add_option("name", options_.uplink, "as in the configuration")->required();
        uplink->add_option("action", options_.action, "up, drain (nothing is lost) or down")
            ->required()
            ->check(CLI::IsMember({"up", "drain", "down"}));
    }

    void add_monitor() { command(app_, "monitor", "events as they happen, until interrupted", &Session::monitor); }

    void add_engine() {
        CLI::App* feedback =
            command(app_, "feedback", "tell the engine closed-loop how the last handover was", &Session::feedback);
        feedback
            ->add_option("score", options_.scores,
                         "performance=N, energy=N, offloading=N, continuity=N, each from -2 (want much less) to 2")
            ->required();
        CLI::App* replay =
            command(app_, "replay", "what a selection engine would have done with a recorded trace", &Session::replay);
        replay->add_option("trace", options_.file, "links.csv or its JSON lines (docs/traces.md)")->required();
        replay->add_option("--engine", options_.engine, "its name; else the one that --config names");
        replay->add_option("--config", options_.config, "a mobile node's YAML: the engines' constants");
        replay->add_option("--flows", options_.flows, "flows.csv; else one transfer takes all there is");
    }

    Options& options_;
    Action& action_;
    CLI::App app_{"See and steer Homeward, on either side.", "homeward"};
};

}  // namespace

int run(const std::vector<std::string>& arguments, const Surroundings& surroundings) {
    Options options;
    Action action = nullptr;
    Grammar grammar(options, action);
    try {
        // CLI11 takes them from the back.
        grammar.app().parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        const int status = grammar.app().exit(error, surroundings.out, surroundings.err);
        return status == 0 ? kSuccess : kUsage;
    }
    Session session(options, surroundings);
    return (session.*action)();
}

}  // namespace homeward::cli
