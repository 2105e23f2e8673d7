// Commands and replies of the Redis protocol (RESP2), by hiredis; bytes go in and out elsewhere.
//
// Threads: none of its own.
// Owns:    its replies.
// Source:  Redis documentation, "Redis serialization protocol specification"; hiredis 0.14, read.h.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <hiredis/hiredis.h>

#include <howdah/result.hpp>

namespace howdah::redis {

struct ReplyFree {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, ReplyFree>;

inline std::string_view textOf(const redisReply& reply) {
    return {reply.str, static_cast<std::size_t>(reply.len)};
}
inline bool isError(const redisReply& reply) {
    return reply.type == REDIS_REPLY_ERROR;
}
// What may be shown of an error reply: its first word, as far as that is a code. The rest may repeat what was sent
// (`unknown command 'AUTH', with args beginning with: ...` holds the password).
inline std::string_view codeOf(const redisReply& reply) {
    constexpr std::size_t kCodeBytesMax = 16;
    const std::string_view text = textOf(reply);
    const std::string_view word = text.substr(0, text.find(' '));
    const bool is_code = !word.empty() && word.size() <= kCodeBytesMax &&
                         std::all_of(word.begin(), word.end(), [](char byte) { return byte >= 'A' && byte <= 'Z'; });
    return is_code ? word : "an error without a code";
}

// Several commands in the form they are sent in, one after the other.
class Commands {
public:
    Commands& add(std::initializer_list<std::string_view> words) {
        bytes_ += concat('*', words.size(), "\r\n");
        for (const std::string_view word : words) {
            bytes_ += concat('$', word.size(), "\r\n");
            bytes_ += word;
            bytes_ += "\r\n";
        }
        ++count_;
        return *this;
    }
    std::string_view bytes() const { return bytes_; }
    std::size_t count() const { return count_; }

private:
    std::string bytes_;
    std::size_t count_ = 0;
};

// Takes replies out of what has been read.
class ReplyReader {
public:
    ReplyReader() : reader_(redisReaderCreate()) {}

    bool feed(const char* bytes, std::size_t size) { return redisReaderFeed(reader_.get(), bytes, size) == REDIS_OK; }
    // Null when it is not all there yet; an error when it is no RESP at all.
    Result<Reply> next() {
        void* reply = nullptr;
        if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK)
            return Error::unavailable("what answers speaks no Redis protocol: ", std::string_view(reader_->errstr));
        return Reply(static_cast<redisReply*>(reply));
    }

private:
    struct Free {
        void operator()(redisReader* reader) const { redisReaderFree(reader); }
    };
    std::unique_ptr<redisReader, Free> reader_;
};

}  // namespace howdah::redis
