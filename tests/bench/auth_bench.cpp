// What it costs to know who asks, in microseconds of CPU a request: a static token, an access token seen before, and
// one seen for the first time with each kind of key. Runs for about two seconds.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>

#include "plugins/auth/jwt.hpp"
#include "plugins/auth/token_cache.hpp"
#include "plugins/auth/token_file.hpp"
#include "tests/plugins/auth/signer.hpp"

namespace {

using namespace howdah;
using namespace howdah::auth;
using SystemClock = std::chrono::system_clock;

double cpuNs() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

template <typename Once>
void measure(const char* what, int count, Once once) {
    double best = std::numeric_limits<double>::max();
    for (int round = 0; round < 20; ++round) {
        const double begin = cpuNs();
        for (int i = 0; i < count; ++i) {
            if (!once()) std::abort();
        }
        best = std::min(best, (cpuNs() - begin) / count);
    }
    std::printf("%-32s %8.2f us\n", what, best / 1000);
}

}  // namespace

int main() {
    TokenRules rules;
    rules.issuer = "https://login.example.com";
    rules.audiences = {"https://db.example.com/mcp"};
    const auto now = SystemClock::now();
    const Json claims{{"iss", rules.issuer},
                      {"aud", rules.audiences[0]},
                      {"sub", "ada"},
                      {"exp", SystemClock::to_time_t(now) + 3600},
                      {"iat", SystemClock::to_time_t(now)},
                      {"jti", "0123456789"},
                      {"client_id", "client"},
                      {"scope", "howdah:read howdah:write"}};

    const std::string plain(50, 'a');
    const Tokens tokens = *Tokens::parse(plain + "\n", "t");
    measure("static token", 10'000, [&] { return tokens.find(sha256(plain)) != nullptr; });

    struct Kind {
        const char* name;
        Algorithm algorithm;
        KeyKind kind;
    };
    for (const Kind& kind :
         {Kind{"RS256 (2048 bits)", Algorithm::rs256, KeyKind::rsa}, Kind{"ES256", Algorithm::es256, KeyKind::p256},
          Kind{"EdDSA", Algorithm::eddsa, KeyKind::ed25519}}) {
        const auth::test::Signer signer("k", kind.kind);
        const KeySet keys = *KeySet::parse(auth::test::keySetText({&signer}));
        const Json header{{"alg", nameOf(kind.algorithm)}, {"kid", "k"}, {"typ", "at+jwt"}};
        const std::string text = signer.token(kind.algorithm, header.dump(), claims.dump());
        TokenCache cache(4096);
        cache.insert(sha256(text), 1, std::make_shared<const Identity>());
        if (kind.kind == KeyKind::rsa) {
            measure("access token, seen before", 10'000, [&] { return cache.find(sha256(text), 1, now) != nullptr; });
        }
        measure(concat("access token, first, ", kind.name).c_str(), 200, [&] {
            auto token = parseToken(text, rules);
            return token && checkClaims(*token, rules, now) && findSigner(*token, keys) == Signer::found &&
                   identityOf(*token, rules);
        });
    }
    return 0;
}
