#include "dsn.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <memory>

#include <libpq-fe.h>
#include <sys/stat.h>

namespace howdah::pool {
namespace {

// Parameters of Prisma, node-postgres, pgx, SQLAlchemy, JDBC and Supabase that say nothing libpq must know.
constexpr std::array<std::string_view, 26> kForeign{"pgbouncer",
                                                    "connection_limit",
                                                    "pool_timeout",
                                                    "schema",
                                                    "workaround",
                                                    "supa",
                                                    "sslaccept",
                                                    "socket_timeout",
                                                    "statement_cache_size",
                                                    "prepared_statements",
                                                    "prepare_threshold",
                                                    "preparethreshold",
                                                    "uselibpqcompat",
                                                    "sslidentity",
                                                    "pool_max_conns",
                                                    "pool_min_conns",
                                                    "pool_max_conn_lifetime",
                                                    "pool_max_conn_idle_time",
                                                    "pool_size",
                                                    "max_overflow",
                                                    "pool_mode",
                                                    "default_query_exec_mode",
                                                    "statement_cache_capacity",
                                                    "single_use_connections",
                                                    "reconnect",
                                                    "allow_exit_on_error"};

struct FreeOptions {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

bool isForeign(std::string_view keyword) {
    std::string lower(keyword);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    return std::find(kForeign.begin(), kForeign.end(), lower) != kForeign.end();
}

bool isKnown(std::string_view keyword) {
    static const Options defaults(PQconndefaults());
    for (const PQconninfoOption* option = defaults.get(); option && option->keyword; ++option) {
        if (keyword == option->keyword) return true;
    }
    return keyword == "ssl";  // libpq takes ssl=true in a URI for sslmode=require
}

// Everything that follows such a word may be the rest of what it names, cut off by a character that was not encoded.
bool isSecret(std::string_view keyword) {
    return keyword.find("pass") != std::string_view::npos || keyword.find("secret") != std::string_view::npos;
}

// Only what can be no piece of a password is repeated: a keyword's own characters, not too many of them.
bool canBeShown(std::string_view keyword) {
    auto plain = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
    return !keyword.empty() && keyword.size() <= 40 && std::all_of(keyword.begin(), keyword.end(), plain);
}

// As libpq reads the name of a parameter of a URI; what is wrongly encoded stays, and is then no keyword.
std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned char byte = 0;
        const char* digits = text.data() + i + 1;
        if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
            out += static_cast<char>(byte);
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

Error notEncoded(std::string_view what) {
    return Error::invalidArgument("the connection string ", what, ", as if part of a password stood there")
        .withHint("percent-encode special characters of user and password: @ is %40, / is %2F, ? is %3F, : is %3A");
}

struct Split {
    std::string kept;
    std::vector<std::string> stripped;
    bool pgbouncer = false;
    bool near_secret = false;  // what is not known next may be a piece of a password
};

Error unknownKeyword(std::string_view keyword, const Split& split) {
    const bool shown = !split.near_secret && canBeShown(keyword);
    return Error::invalidArgument("the connection string has a parameter that libpq does not know", shown ? ": " : "",
                                  shown ? keyword : "")
        .withHint(shown ? "check its spelling or take it out"
                        : "check the parameters; in a URI & in a password is %26 and @ is %40, elsewhere a password "
                          "with a blank stands in '...'");
}

// Notes one keyword; true if it stays.
Result<bool> judge(std::string_view keyword, std::string_view value, Split& split) {
    if (isKnown(keyword)) {
        split.near_secret = isSecret(keyword);
        return true;
    }
    if (!isForeign(keyword)) return unknownKeyword(keyword, split);
    split.near_secret = false;
    if (keyword == "pgbouncer" && value == "true") split.pgbouncer = true;
    split.stripped.emplace_back(keyword);
    return false;
}

// libpq takes user:password to end at the first @ before any /, so a / or ? that is not encoded moves everything.
Result<void> checkUri(std::string_view text) {
    const std::string_view rest = text.substr(text.find("://") + 3);
    const std::string_view before_query = rest.substr(0, rest.find('?'));
    const std::size_t slash = before_query.find('/');
    if (slash != std::string_view::npos) {
        if (before_query.find('@', slash) != std::string_view::npos) return notEncoded("has an @ behind its first /");
    } else if (before_query.find('@') == std::string_view::npos &&
               rest.substr(0, rest.find('/')).find('@') != std::string_view::npos) {
        return notEncoded("has an @ behind its first ?");
    }
    return {};
}

Result<Split> splitUri(std::string_view text) {
    if (auto checked = checkUri(text); !checked) return checked.error();
    Split split;
    std::size_t question = text.find('?');
    split.kept = text.substr(0, question);
    if (question == std::string_view::npos) return split;
    std::string_view rest = text.substr(question + 1);
    const bool has_at = rest.find('@') != std::string_view::npos;
    char separator = '?';
    while (!rest.empty()) {
        std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        if (pair.empty()) continue;
        std::size_t equals = pair.find('=');
        std::string_view value = equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
        split.near_secret = split.near_secret || has_at;  // the @ may be the end of a password
        auto stays = judge(decoded(pair.substr(0, equals)), value, split);
        if (!stays) return stays.error();
        if (!*stays) continue;
        split.kept += separator;
        split.kept += pair;
        separator = '&';
    }
    return split;
}

// keyword = value pairs; a value may be quoted with '...' and escape with a backslash.
Result<Split> splitKeywords(std::string_view text) {
    Split split;
    auto isSpace = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
    std::size_t at = 0;
    auto skipSpace = [&] {
        while (at < text.size() && isSpace(text[at]))
            ++at;
    };
    for (skipSpace(); at < text.size(); skipSpace()) {
        std::size_t begin = at;
        while (at < text.size() && text[at] != '=' && !isSpace(text[at]))
            ++at;
        std::string_view keyword = text.substr(begin, at - begin);
        skipSpace();
        if (at == text.size() || text[at] != '=') {
            // The word may be a piece of a password with a blank in it: it is not quoted here.
            return Error::invalidArgument("the connection string is neither a URI nor keyword=value pairs")
                .withHint("write postgresql://user:password@host:5432/dbname");
        }
        ++at;
        skipSpace();
        std::size_t value_begin = at;
        bool quoted = at < text.size() && text[at] == '\'';
        if (quoted) ++at;
        while (at < text.size() && (quoted ? text[at] != '\'' : !isSpace(text[at])))
            at += text[at] == '\\' ? 2 : 1;
        at = std::min(at, text.size());
        if (quoted && at < text.size()) ++at;
        auto stays = judge(keyword, text.substr(value_begin, at - value_begin), split);
        if (!stays) return stays.error();
        if (*stays) split.kept += concat(text.substr(begin, at - begin), ' ');
    }
    return split;
}

bool isPoolerHost(std::string_view host) {
    return host.find("-pooler.") != std::string_view::npos;  // Neon; Supabase's tells its modes apart by port
}

// libpq's own defaults (PGHOST, PGPORT, ...) complete what messages name.
std::string inForce(const Dsn& dsn, std::string_view keyword, std::string_view fallback) {
    static const Options defaults(PQconndefaults());
    if (!dsn.value(keyword).empty()) return std::string(dsn.value(keyword));
    for (const PQconninfoOption* option = defaults.get(); option && option->keyword; ++option) {
        if (keyword == option->keyword && option->val && *option->val) return option->val;
    }
    return std::string(fallback);
}

// An @ has a meaning in names, secrets and paths; anywhere else it is what an unencoded password left behind.
bool mayHoldAt(std::string_view keyword) {
    constexpr std::array<std::string_view, 13> kFree{"user",          "application_name", "fallback_application_name",
                                                     "options",       "sslcert",          "sslkey",
                                                     "sslrootcert",   "sslcrl",           "sslcrldir",
                                                     "sslkeylogfile", "service",          "servicefile",
                                                     "krbsrvname"};
    return isSecret(keyword) || std::find(kFree.begin(), kFree.end(), keyword) != kFree.end();
}

// libpq takes a password with a / or an @ apart and calls the pieces host, port and dbname, which every message shows.
Result<void> checkValues(const Dsn& dsn) {
    for (const auto& [keyword, value] : dsn.parameters) {
        if (!mayHoldAt(keyword) && value.find('@') != std::string::npos)
            return notEncoded(concat("has an @ in its ", keyword));
    }
    for (std::string_view keyword : {"host", "hostaddr", "dbname"}) {
        if (inForce(dsn, keyword, "").find_first_of("@=") != std::string::npos)
            return notEncoded(concat("has an @ or = in its ", keyword));
    }
    if (inForce(dsn, "port", "").find_first_not_of("0123456789,") != std::string::npos)
        return notEncoded("has a port that is no number");
    if (dsn.value("password").empty() && dsn.value("user").find(':') != std::string_view::npos)
        return notEncoded("has a : in its user and no password");
    return {};
}

void addDefault(Dsn& dsn, const char* keyword, const char* value) {
    if (dsn.value(keyword).empty()) dsn.parameters.emplace_back(keyword, value);
}

}  // namespace

std::string_view Dsn::value(std::string_view keyword) const {
    for (const auto& [name, text] : parameters) {
        if (name == keyword) return text;
    }
    return {};
}

Result<Dsn> Dsn::parse(std::string_view text) {
    if (text.starts_with("jdbc:")) {
        return Error::invalidArgument("the connection string is a JDBC one")
            .withHint("write postgresql://user:password@host:5432/dbname");
    }
    const bool is_uri = text.starts_with("postgresql://") || text.starts_with("postgres://");
    auto split = is_uri ? splitUri(text) : splitKeywords(text);
    if (!split) return split.error();

    char* message = nullptr;
    Options options(PQconninfoParse(split->kept.c_str(), &message));
    if (message) PQfreemem(message);  // not passed on: it can quote a piece of the password
    if (!options) {
        return Error::invalidArgument("the connection string cannot be read")
            .withHint(
                "write postgresql://user:password@host:5432/dbname and percent-encode special characters of "
                "the password, for instance @ as %40");
    }

    Dsn dsn;
    dsn.stripped = std::move(split->stripped);
    for (const PQconninfoOption* option = options.get(); option->keyword; ++option) {
        if (option->val && *option->val) dsn.parameters.emplace_back(option->keyword, option->val);
    }
    if (auto checked = checkValues(dsn); !checked) return checked.error();
    // A dead peer is noticed in seconds, not after the kernel's two hours.
    addDefault(dsn, "keepalives_idle", "5");
    addDefault(dsn, "keepalives_interval", "2");
    addDefault(dsn, "keepalives_count", "3");
    addDefault(dsn, "tcp_user_timeout", "5000");
    addDefault(dsn, "application_name", "howdah");
    std::erase_if(dsn.parameters, [](const auto& parameter) { return parameter.first == "client_encoding"; });
    dsn.parameters.emplace_back("client_encoding", "UTF8");

    if (!dsn.value("service").empty() && dsn.value("host").empty() && dsn.value("hostaddr").empty()) {
        dsn.label = concat("service ", dsn.value("service"));
        dsn.transaction_pooler = split->pgbouncer || dsn.value("port") == "6543";
        return dsn;
    }
    std::string host = inForce(dsn, "host", inForce(dsn, "hostaddr", "local socket"));
    std::string port = inForce(dsn, "port", "5432");
    dsn.label = concat(host, ':', port, '/', inForce(dsn, "dbname", inForce(dsn, "user", "")));
    dsn.host_count = 1 + static_cast<std::size_t>(std::count(host.begin(), host.end(), ','));
    dsn.transaction_pooler = split->pgbouncer || port == "6543" || isPoolerHost(host);
    return dsn;
}

void Dsn::dropStartupSettings() {
    for (auto& [keyword, value] : parameters) {
        if (keyword != "options") continue;
        // Words are separated by blanks; one behind a backslash belongs to its word.
        std::vector<std::string> words(1);
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (value[i] == ' ') {
                words.emplace_back();
                continue;
            }
            words.back() += value[i];
            if (value[i] == '\\' && i + 1 < value.size()) words.back() += value[++i];
        }
        std::string kept;
        for (std::size_t i = 0; i < words.size(); ++i) {
            if (words[i] == "-c") {
                ++i;
            } else if (!words[i].empty() && !words[i].starts_with("-c") && !words[i].starts_with("--")) {
                kept += concat(kept.empty() ? "" : " ", words[i]);
            }
        }
        if (kept == value) return;
        value = kept;
        stripped.emplace_back("options");
    }
    std::erase_if(parameters, [](const auto& one) { return one.first == "options" && one.second.empty(); });
}

std::string passfileTrouble(const Dsn& dsn) {
    if (!dsn.value("password").empty()) return {};
    std::string path(dsn.value("passfile"));
    if (const char* named = std::getenv("PGPASSFILE"); path.empty() && named) path = named;
    const char* home = std::getenv("HOME");
    if (path.empty() && home) path = concat(home, "/.pgpass");
    struct stat facts{};
    if (path.empty() || stat(path.c_str(), &facts) != 0) return {};
    if (!S_ISREG(facts.st_mode)) return concat("the password file ", path, " is not a regular file, so it is not read");
    if ((facts.st_mode & 077) == 0) return {};
    return concat("the password file ", path, " may be read by others, so it is not used: chmod 600 it");
}

Pooler effectivePooler(Pooler configured, const Dsn& dsn) {
    return configured == Pooler::automatic && dsn.transaction_pooler ? Pooler::transaction : configured;
}

}  // namespace howdah::pool
