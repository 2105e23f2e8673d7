// The router: one message of a known era, and the one table of all methods.
//
// Threads: the fiber that serves the message.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/pipeline/request.hpp"
#include "kernel/protocol/era.hpp"
#include "kernel/protocol/errors.hpp"
#include "kernel/protocol/exchange.hpp"
#include "kernel/protocol/message.hpp"
#include "kernel/protocol/protocol.hpp"

namespace howdah::kernel {

// One message being served: everything a handler may need, nothing of it outlives handle().
struct Exchange {
    Protocol& protocol;
    const Inbound& inbound;
    ReplySink& sink;
    Connection* connection;
    const Message& message;
    Revision revision;
    const Principal& principal;
    std::shared_ptr<Session> session;  // legacy, once there is one
    const Client* client = nullptr;    // nullptr before initialize
    Cancellation* cancellation = nullptr;

    bool http() const { return inbound.transport == "http"; }
    bool modern() const { return isModern(revision); }
    const ProtocolOptions& options() const { return protocol.options_; }
    GenerationStore& generations() const { return protocol.generations_; }
    SessionStore& sessions() const { return protocol.sessions_; }
    SharedSessions* sharedSessions() const { return protocol.shared_.get(); }  // null: none are shared
    TaskStore& tasks() const { return protocol.tasks_; }
    Subscriptions& subscriptions() const { return protocol.subscriptions_; }
    RecentClients& recentClients() const { return protocol.recent_; }
    const Sealer& sealer() const { return protocol.sealer_; }
    // As JSON text. Of a session that instances share, it names who waits for the answer.
    std::string nextQuestionId() const {
        const std::uint64_t number = ++protocol.questions_asked_;
        if (session && session->shared) return concat("\"howdah-", session->shared->instance, '-', number, '"');
        return concat("\"howdah-", number, '"');
    }
    bool authenticated() const { return inbound.principal != nullptr; }
    std::string_view serverInfo() const { return protocol.server_info_; }
    std::string_view resultMeta() const { return modern() ? protocol.result_meta_ : std::string_view(); }

    // A Request of this exchange, ready for the pipeline.
    void prepare(Request& request) const;
    // How every result begins: {"jsonrpc","id","result":{ and what the era adds.
    std::string resultHead(std::string_view result_type = "complete") const;
    // The whole answer: {"jsonrpc","id","result":{<members>}}, with what the era adds to every result.
    void answer(std::initializer_list<std::string_view> members, std::string_view result_type = "complete");
    void refuse(const Refusal& refusal);
    // Of a request that ended with Request::scopes_needed.
    void refuseScopes(const Error& error, const std::vector<std::string>& needed);
};

// Runs the handler of a request, or refuses it: unknown method, wrong era.
void route(Exchange& exchange);
// Runs the handler of a notification; an unknown one is ignored.
void routeNotification(Exchange& exchange);

// A message that is answered with a refusal before there is an exchange; `id` is JSON text, "" for none.
void refuseWith(ReplySink& sink, std::string_view id, const Refusal& refusal);

}  // namespace howdah::kernel
