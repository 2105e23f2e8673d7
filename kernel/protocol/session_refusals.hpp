// What a client of a legacy session is refused with, wherever in the code that shows.
//
// Threads: pure functions, any.
#pragma once

#include <howdah/result.hpp>

#include "kernel/protocol/errors.hpp"

namespace howdah::kernel {

inline Refusal noSuchSession() {
    return {.http_status = 404, .message = "no such session, it may have expired; initialize opens a new one"};
}

inline Refusal noSuchEvent() {
    return {.message = "Last-Event-ID names no event of this session; GET without it opens a new stream"};
}

inline Refusal tooManyStreams(std::size_t limit) {
    return {.http_status = 409, .message = concat("a session has at most ", limit, " event streams")};
}

// `error` is of the kv; 503, as nothing has been done.
inline Refusal cannotReach(const Error& error) {
    return {.code = kInternalError,
            .http_status = 503,
            .message =
                concat("the store in which instances share sessions cannot be used, try again later: ", error.message)};
}

}  // namespace howdah::kernel
