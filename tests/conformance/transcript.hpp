// Conversations as data. A transcript is a text file; the runner plays it as a client would, over any transport and in
// each protocol revision it names, and adds the envelope that revision wants (handshake and session, or _meta and
// headers).
//
//   # what the transcript shows                          a comment; the first line is its title
//   @revisions 2025-06-18..                              all (default), one, a.., ..b, a..b
//   @transports http                                     all (default), http, duplex (stdio, WebSocket, ...)
//   @bare                                                no handshake is made before the first line
//   > {"jsonrpc":"2.0",...}                              sent, with the envelope
//   >raw {"jsonrpc":                                     sent as it stands, without one
//   >header Mcp-Name: other                              for the next message: this value ("-" leaves the header out)
//   < {"jsonrpc":"2.0",...}                              the next message; what the envelope added may be left out
//   <nothing                                             the exchange ended without an answer
//   <status 404                                          the HTTP status of the message before (duplex: skipped)
//
// "*" stands for any value.
//
// Threads: none of its own.
// Errors:  run() returns what differed, with the line.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace howdah::conformance {

using Headers = std::map<std::string, std::string>;

struct Received {
    std::string json;  // "" = the exchange ended without an answer
    int status = 0;    // HTTP, else 0
    Headers headers;
};

// One client connection, fresh for each run.
class TranscriptClient {
public:
    virtual ~TranscriptClient() = default;
    virtual bool http() const = 0;  // else duplex
    virtual std::string_view name() const { return http() ? "http" : "stdio"; }
    virtual void send(const std::string& body, const Headers& headers) = 0;  // returns without waiting for the answer
    virtual std::optional<Received> receive() = 0;                           // nothing when none came in time
};

struct Step {
    enum class Kind { send, send_raw, header, expect, expect_nothing, expect_status };
    Kind kind;
    std::string text;
    int line = 0;
};

struct Transcript {
    std::string file, title;
    std::string first, last;  // revisions, inclusive
    bool http = true, duplex = true, bare = false;
    std::vector<Step> steps;

    static Transcript read(const std::string& path);
    bool covers(std::string_view revision) const { return revision >= first && revision <= last; }
    bool covers(const TranscriptClient& client) const { return client.http() ? http : duplex; }
};

inline const std::vector<std::string> kRevisions = {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25",
                                                    "2026-07-28"};

// "" when all was as expected.
std::string run(const Transcript& transcript, std::string_view revision, TranscriptClient& client);

// All transcripts of a folder, by name.
std::vector<Transcript> readTranscripts(const std::string& folder);

}  // namespace howdah::conformance
