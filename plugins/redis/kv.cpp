#include "plugins/redis/kv.hpp"

#include <algorithm>

namespace howdah::redis {
namespace {

constexpr std::size_t kKeyBytesMax = 512;
constexpr std::size_t kValueBytesMax = 64 * 1024;
// Lua on the server is atomic. What a key holds goes through it as bytes; numbers would lose their last digits.
constexpr std::string_view kReplace =
    "if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end "
    "if ARGV[3]=='0' then redis.call('SET',KEYS[1],ARGV[2]) "
    "else redis.call('SET',KEYS[1],ARGV[2],'PX',ARGV[3]) end return 1";
constexpr std::string_view kRemoveIf =
    "if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end return redis.call('DEL',KEYS[1])";
constexpr std::uint64_t kTtlMax_ms = 1'000'000'000'000'000;  // what Redis takes, and some thirty thousand years

Result<std::int64_t> numberOf(const redisReply& reply) {
    if (reply.type != REDIS_REPLY_INTEGER) return Error::unavailable("redis does not answer with a number");
    return static_cast<std::int64_t>(reply.integer);
}

Result<void> check(std::string_view key, std::string_view value = {}) {
    if (key.empty() || key.size() > kKeyBytesMax)
        return Error::invalidArgument("a key must have 1 to ", kKeyBytesMax, " bytes, got ", key.size());
    if (value.size() > kValueBytesMax)
        return Error::invalidArgument("a value must have at most ", kValueBytesMax, " bytes, got ", value.size());
    return {};
}

std::string ttlText(std::uint64_t ttl_ms) {
    return std::to_string(std::min(ttl_ms, kTtlMax_ms));
}

// What the server says of a command. Its text is looked at and not shown: it may repeat keys and values.
Error errorOf(const redisReply& reply) {
    const std::string_view text = textOf(reply);
    if (text.starts_with("WRONGTYPE") || text.find("not an integer") != std::string_view::npos)
        return Error::invalidArgument("the value of this key is not a counter, or no text");
    if (text.find("overflow") != std::string_view::npos) return Error::invalidArgument("the counter would overflow");
    return Error::unavailable("redis refuses the command: ", codeOf(reply))
        .withHint(
            "NOPERM: the user needs the commands that the README of plugin redis lists; READONLY: connect to the "
            "primary; OOM, MISCONF: the server has no room; its own log says more");
}

}  // namespace

// The last reply is what was asked for; those before it may only fail.
Result<std::vector<Reply>> Kv::run(const Context& context, const Commands& commands, Again again) {
    auto replies = client_.run(context, commands, again);
    if (!replies) return replies;
    for (const Reply& reply : *replies)
        if (isError(*reply)) return errorOf(*reply);
    return replies;
}

Result<std::string> Kv::get(const Context& context, std::string_view key) {
    if (auto sound = check(key); !sound) return std::move(sound).error();
    auto replies = run(context, Commands().add({"GET", prefix_ + std::string(key)}), Again::yes);
    if (!replies) return std::move(replies).error();
    const redisReply& reply = *replies->back();
    if (reply.type != REDIS_REPLY_STRING) return Error::notFound("no value with this key");
    return std::string(textOf(reply));
}

Result<void> Kv::set(const Context& context, std::string_view key, std::string_view value, std::uint64_t ttl_ms) {
    if (auto sound = check(key, value); !sound) return sound;
    const std::string name = prefix_ + std::string(key);
    Commands commands;
    ttl_ms == 0 ? commands.add({"SET", name, value}) : commands.add({"SET", name, value, "PX", ttlText(ttl_ms)});
    auto replies = run(context, commands, Again::yes);
    return replies ? Result<void>() : std::move(replies).error();
}

// Not sent again: the first one may have set it, and then the second would say that somebody else has.
Result<bool> Kv::setIfAbsent(const Context& context, std::string_view key, std::string_view value,
                             std::uint64_t ttl_ms) {
    if (auto sound = check(key, value); !sound) return std::move(sound).error();
    const std::string name = prefix_ + std::string(key);
    Commands commands;
    ttl_ms == 0 ? commands.add({"SET", name, value, "NX"})
                : commands.add({"SET", name, value, "NX", "PX", ttlText(ttl_ms)});
    auto replies = run(context, commands, Again::no);
    if (!replies) return std::move(replies).error();
    return replies->back()->type == REDIS_REPLY_STATUS;
}

Result<std::int64_t> Kv::add(const Context& context, std::string_view key, std::int64_t delta, std::uint64_t ttl_ms) {
    if (auto sound = check(key); !sound) return std::move(sound).error();
    const std::string name = prefix_ + std::string(key);
    const std::string amount = std::to_string(delta);
    Commands commands;
    if (ttl_ms == 0) {
        commands.add({"INCRBY", name, amount});
    } else {
        commands.add({"MULTI"})
            .add({"SET", name, "0", "PX", ttlText(ttl_ms), "NX"})
            .add({"INCRBY", name, amount})
            .add({"EXEC"});
    }
    auto replies = run(context, commands, Again::no);
    if (!replies) return std::move(replies).error();
    const redisReply* last = replies->back().get();
    if (last->type == REDIS_REPLY_ARRAY && last->elements == 2) last = last->element[1];
    if (isError(*last)) return errorOf(*last);
    return numberOf(*last);
}

Result<std::int64_t> Kv::addLeased(const Context& context, std::string_view key, std::int64_t delta,
                                   std::uint64_t ttl_ms) {
    if (auto sound = check(key); !sound) return std::move(sound).error();
    const std::string name = prefix_ + std::string(key);
    Commands commands;
    commands.add({"MULTI"}).add({"INCRBY", name, std::to_string(delta)});
    ttl_ms == 0 ? commands.add({"PERSIST", name}) : commands.add({"PEXPIRE", name, ttlText(ttl_ms)});
    commands.add({"EXEC"});
    auto replies = run(context, commands, Again::no);
    if (!replies) return std::move(replies).error();
    const redisReply& last = *replies->back();
    if (last.type != REDIS_REPLY_ARRAY || last.elements != 2)
        return Error::unavailable("redis does not answer EXEC with what each command gave");
    if (isError(*last.element[0])) return errorOf(*last.element[0]);
    return numberOf(*last.element[0]);
}

Result<bool> Kv::eval(const Context& context, std::initializer_list<std::string_view> words, Again again) {
    auto replies = run(context, Commands().add(words), again);
    if (!replies) return std::move(replies).error();
    auto number = numberOf(*replies->back());
    if (!number) return std::move(number).error();
    return *number == 1;
}

// A renewal may be sent again: the second one finds what the first one left.
Result<bool> Kv::replace(const Context& context, std::string_view key, std::string_view expected,
                         std::string_view value, std::uint64_t ttl_ms) {
    if (auto sound = check(key, value); !sound) return std::move(sound).error();
    const std::string name = prefix_ + std::string(key);
    return eval(context, {"EVAL", kReplace, "1", name, expected, value, ttlText(ttl_ms)},
                expected == value ? Again::yes : Again::no);
}

Result<bool> Kv::removeIf(const Context& context, std::string_view key, std::string_view expected) {
    if (auto sound = check(key); !sound) return std::move(sound).error();
    const std::string name = prefix_ + std::string(key);
    return eval(context, {"EVAL", kRemoveIf, "1", name, expected}, Again::no);
}

Result<std::string> Kv::channelNamed(std::string_view channel) const {
    if (!channel.empty() && channel.size() <= kKeyBytesMax) return channel_prefix_ + std::string(channel);
    return Error::invalidArgument("a channel must have 1 to ", kKeyBytesMax, " bytes, got ", channel.size());
}

Result<void> Kv::publish(const Context& context, std::string_view channel, std::string_view message) {
    auto name = channelNamed(channel);
    if (!name) return std::move(name).error();
    if (message.size() > kValueBytesMax)
        return Error::invalidArgument("a message must have at most ", kValueBytesMax, " bytes, got ", message.size());
    auto replies = run(context, Commands().add({"PUBLISH", *name, message}), Again::no);
    return replies ? Result<void>() : std::move(replies).error();
}

Result<void> Kv::remove(const Context& context, std::string_view key) {
    if (auto sound = check(key); !sound) return sound;
    auto replies = run(context, Commands().add({"DEL", prefix_ + std::string(key)}), Again::yes);
    return replies ? Result<void>() : std::move(replies).error();
}

}  // namespace howdah::redis
