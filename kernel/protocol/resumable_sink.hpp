// ResumableSink: between a call of a legacy HTTP session and its connection. The call goes on when the connection
// breaks; from 2025-03-26 on its events are kept for a client that comes back for them.
//
// Threads: the request's fiber.
// Errors:  none: nobody is there to hear of a connection that is gone.
// Source:  MCP 2025-03-26 to 2025-11-25 "Transports: Sending Messages to the Server", "Resumability and Redelivery".
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/protocol/exchange.hpp"
#include "kernel/protocol/session.hpp"

namespace howdah::kernel {

class ResumableSink final : public ReplySink {
public:
    // `id` is that of the request, as JSON text.
    ResumableSink(ReplySink& connection, std::shared_ptr<Session> session, std::string_view id, bool accepts_events);

    void status(int http_status) override { connection_.status(http_status); }
    void header(std::string_view name, std::string_view value) override { connection_.header(name, value); }
    void needScopes(std::span<const std::string> scopes) override { connection_.needScopes(scopes); }
    void standsUntil(const std::shared_ptr<Cancellation>& cancelled) override { connection_.standsUntil(cancelled); }
    Result<void> notify(std::string_view json) override;
    Result<void> write(std::string_view bytes) override;
    Result<void> finish() override;

private:
    bool connected();

    ReplySink& connection_;
    const std::shared_ptr<Session> session_;
    const std::string id_;
    StreamLog::Number stream_ = 0;  // 0 = cannot be resumed
    std::string answer_;            // what is kept of it
    bool answered_ = false;
    bool too_large_ = false;
    bool gone_ = false;
};

}  // namespace howdah::kernel
