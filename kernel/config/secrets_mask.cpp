// maskDsn(), maskValue(): what of a connection string and of other texts may be shown. Where it cannot be told what is
// password and what is not, nothing is.
#include <algorithm>
#include <array>
#include <cctype>

#include <howdah/result.hpp>

#include "kernel/base/ascii.hpp"
#include "kernel/base/percent.hpp"
#include "kernel/config/secrets.hpp"

namespace howdah::kernel {

namespace {

constexpr std::string_view kMask = "***";
constexpr char kReference = '\x01';  // stands for ${...}: no configuration can contain it

// Nothing is written there, or a reference, in quotes or without.
bool isBlank(std::string_view secret) {
    return secret.find_first_not_of("'\x01") == std::string_view::npos;
}

std::string lowered(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), toLower);
    return lower;
}

// Words in the names of what nobody may see, among them libpq's password, passfile, sslpassword, oauth_client_secret
// and scram_client_key; passwd, pwd and token are other drivers'.
bool namesSecret(std::string_view keyword) {
    const std::string lower = lowered(keyword);
    for (std::string_view word : {"pass", "pwd", "secret", "token", "scram"})
        if (lower.find(word) != std::string::npos) return true;
    return false;
}

// "a,b:5432,[::1]:5433": a port that is no number may be a password.
bool isHostList(std::string_view text) {
    for (bool more = true; more;) {
        const std::size_t comma = text.find(',');
        const std::string_view one = text.substr(0, comma);
        more = comma != std::string_view::npos;
        if (more) text.remove_prefix(comma + 1);
        const std::size_t bracket = one.find(']');
        const std::size_t colon = one.find(':', bracket == std::string_view::npos ? 0 : bracket);
        if (colon != std::string_view::npos &&
            one.find_first_not_of("0123456789\x01", colon + 1) != std::string_view::npos)
            return false;
    }
    return true;
}

// Parameters that are surely no piece of a password when they follow one.
bool isEveryday(std::string_view keyword) {
    constexpr std::array<std::string_view, 14> kEveryday{"host",
                                                         "hostaddr",
                                                         "port",
                                                         "dbname",
                                                         "user",
                                                         "sslmode",
                                                         "sslrootcert",
                                                         "channel_binding",
                                                         "connect_timeout",
                                                         "application_name",
                                                         "options",
                                                         "target_session_attrs",
                                                         "gssencmode",
                                                         "pgbouncer"};
    return std::find(kEveryday.begin(), kEveryday.end(), keyword) != kEveryday.end();
}

// Goes through keywords and values in their order. What follows a password may be the rest of it, cut off by a blank or
// & that was not quoted: up to the next everyday keyword nothing is shown.
class PairMask {
public:
    std::string shown(std::string_view keyword, std::string_view between, std::string_view value) {
        const bool secret = namesSecret(keyword);
        if (near_secret_ && !secret && !isEveryday(keyword)) return std::string(kMask);
        near_secret_ = secret;
        return concat(keyword, between, (secret && !isBlank(value)) || holdsSecret(value) ? kMask : value);
    }

private:
    // A user with a password, or another connection string: libpq's programs take one for a dbname.
    static bool holdsSecret(std::string_view value) {
        return value.find('@') != std::string_view::npos ||
               (value.find('=') != std::string_view::npos && namesSecret(value));
    }
    bool near_secret_ = false;
};

// The parameters behind the ?; one without a value may be a piece of a password that was split at its &.
std::string maskParameters(std::string_view pairs) {
    std::string out;
    PairMask mask;
    for (bool more = true; more;) {
        const std::size_t end = pairs.find('&');
        const std::string_view pair = pairs.substr(0, end);
        more = end != std::string_view::npos;
        if (more) pairs.remove_prefix(end + 1);
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos) {
            if (!pair.empty()) out += kMask;
        } else {
            // A name with %77 in it is the same name to libpq.
            out += mask.shown(percentDecoded(pair.substr(0, equals)), "=", pair.substr(equals + 1));
        }
        if (more) out += '&';
    }
    return out;
}

// scheme://user:password@hosts/dbname?parameters. Where an @, / or ? in a password was not encoded, nobody can say
// where the password ends: then nothing of the string is shown but its scheme.
std::string maskUri(std::string_view scheme, std::string_view rest) {
    const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
    const std::string_view authority = rest.substr(0, authority_end);
    const std::string_view behind = rest.substr(authority_end);
    const std::size_t at = authority.rfind('@');
    const std::string_view hosts = at == std::string_view::npos ? authority : authority.substr(at + 1);
    const std::size_t question = std::min(behind.find('?'), behind.size());
    const std::string_view path = behind.substr(0, question);
    if (behind.find('@') != std::string_view::npos || path.find('=') != std::string_view::npos || !isHostList(hosts))
        return concat(scheme, kMask);

    std::string out(scheme);
    if (at != std::string_view::npos) {
        const std::string_view user_and_password = authority.substr(0, at);
        const std::size_t colon = user_and_password.find(':');
        const std::string_view user = user_and_password.substr(0, colon);
        out += user.find_first_of("@%") == std::string_view::npos ? user : kMask;
        if (colon != std::string_view::npos) {
            const std::string_view password = user_and_password.substr(colon + 1);
            out.append(":").append(isBlank(password) ? password : kMask);
        }
        out += '@';
    }
    out.append(hosts).append(path);
    if (question < behind.size()) out.append("?").append(maskParameters(behind.substr(question + 1)));
    return out;
}

// Keys of plugins' sections: the last words of their names, so that token_file and tokens_max are shown.
bool isSecretKey(std::string_view key) {
    const std::string lower = lowered(key);
    for (std::string_view end : {"password", "passwd", "pwd", "passphrase", "secret", "token", "apikey", "api_key",
                                 "access_key", "private_key", "credentials"})
        if (lower.ends_with(end)) return true;
    return false;
}

bool isScheme(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '+' || c == '-' || c == '.';
    });
}

// One value of the key=value form: where it ends, in quotes or without.
std::size_t valueEnd(std::string_view text, std::size_t begin) {
    const bool in_quotes = begin < text.size() && text[begin] == '\'';
    std::size_t at = begin + (in_quotes ? 1 : 0);
    while (at < text.size() && (in_quotes ? text[at] != '\'' : !std::isspace(static_cast<unsigned char>(text[at]))))
        at += text[at] == '\\' ? 2 : 1;
    return std::min(at + (in_quotes ? 1 : 0), text.size());
}

// key=value pairs. A word that is no pair may be the rest of a password with a blank in it: all that follows is masked.
std::string maskPairs(std::string_view text) {
    constexpr std::string_view kBlank = " \t\n\r\f\v";
    std::string out;
    PairMask mask;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t name = std::min(text.find_first_not_of(kBlank, at), text.size());
        out += text.substr(at, name - at);
        if (name == text.size()) break;
        const std::size_t name_end = std::min(text.find_first_of(" \t\n\r\f\v=", name), text.size());
        const std::size_t equals = std::min(text.find_first_not_of(kBlank, name_end), text.size());
        const std::string_view keyword = text.substr(name, name_end - name);
        if (equals == text.size() || text[equals] != '=' || keyword.find_first_of("@/:") != std::string_view::npos)
            return out.append(kMask);
        const std::size_t value = std::min(text.find_first_not_of(kBlank, equals + 1), text.size());
        at = valueEnd(text, value);
        out += mask.shown(keyword, text.substr(name_end, value - name_end), text.substr(value, at - value));
    }
    return out;
}

// A default stays, for it is written there like anything else.
std::string withoutReferences(std::string_view text) {
    std::string out;
    for (;;) {
        const std::size_t begin = text.find("${");
        out += text.substr(0, begin);
        if (begin == std::string_view::npos) return out;
        const std::size_t end = std::min(text.find('}', begin), text.size());
        const std::string_view inside = text.substr(begin, end - begin);
        const std::size_t dash = inside.find(":-");
        if (dash != std::string_view::npos && dash + 2 < inside.size()) {
            out += inside.substr(dash + 2);
        } else {
            out += kReference;
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

}  // namespace

std::string maskWrittenDsn(std::string_view written, std::string_view resolved) {
    const std::string plain = withoutReferences(written);
    return isBlank(plain) || maskDsn(plain) == plain ? std::string(written) : maskDsn(resolved);
}

std::string maskValue(std::string_view key, std::string_view value) {
    if (isSecretKey(key) && !value.empty()) return std::string(kMask);
    const std::size_t scheme = value.find("://");
    if (scheme == std::string_view::npos || !isScheme(value.substr(0, scheme))) return std::string(value);
    if (value.find('@') != std::string_view::npos)
        return maskUri(value.substr(0, scheme + 3), value.substr(scheme + 3));
    const std::size_t question = value.find('?');
    if (question == std::string_view::npos) return std::string(value);
    const std::string_view query = value.substr(question + 1);
    const bool secret = namesSecret(query) || lowered(query).find("key") != std::string::npos;
    return concat(value.substr(0, question + 1), secret ? kMask : query);
}

std::string maskDsn(std::string_view dsn) {
    const std::size_t scheme = dsn.find("://");
    const bool uri =
        scheme != std::string_view::npos && dsn.substr(0, scheme).find_first_of("= \t@'") == std::string_view::npos;
    return uri ? maskUri(dsn.substr(0, scheme + 3), dsn.substr(scheme + 3)) : maskPairs(dsn);
}

}  // namespace howdah::kernel
