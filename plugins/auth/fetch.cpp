#include "fetch.hpp"

#include <algorithm>
#include <memory>
#include <mutex>

#include <curl/curl.h>
#include <unistd.h>

#include "addresses.hpp"
#include "freed.hpp"

namespace howdah::auth {
namespace {

using Url = std::unique_ptr<CURLU, Freed<curl_url_cleanup>>;
using Transfer = std::unique_ptr<CURL, Freed<curl_easy_cleanup>>;
using Headers = std::unique_ptr<curl_slist, Freed<curl_slist_free_all>>;

constexpr std::size_t kUrlMax = 2048;  // bytes

std::string part(CURLU* url, CURLUPart which) {
    char* text = nullptr;
    if (curl_url_get(url, which, &text, 0) != CURLUE_OK) return {};
    std::string out = text;
    curl_free(text);
    return out;
}

// What the callbacks of one transfer share.
struct Running {
    const FetchRules& rules;
    const std::function<bool()>& is_stopping;
    bool plain = false;  // http
    std::string body;
    std::string refused_address;
    bool too_long = false;
};

std::size_t onBytes(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto& running = *static_cast<Running*>(self);
    const std::size_t more = size * count;
    if (running.body.size() + more > running.rules.bytes_max) {
        running.too_long = true;
        return 0;
    }
    running.body.append(bytes, more);
    return more;
}

int onProgress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Running*>(self)->is_stopping() ? 1 : 0;
}

// Every connection comes through here, with the address it really goes to.
curl_socket_t onSocket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& running = *static_cast<Running*>(self);
    const sockaddr& to = address->addr;
    const bool loopback = isLoopback(to);
    const bool may = running.plain ? loopback : running.rules.allow_private || isPublic(to);
    if (!may) {
        running.refused_address = printed(to);
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Why a transfer failed, and what to do where that can be told.
std::string reasonOf(CURLcode code, const char* detail, const FetchRules& rules) {
    std::string reason = *detail ? detail : curl_easy_strerror(code);
    if (code == CURLE_SSL_CACERT_BADFILE) return concat(reason, "; oauth.ca_file is ", rules.ca_file);
    if (code != CURLE_PEER_FAILED_VERIFICATION) return reason;
    return concat(reason,
                  rules.ca_file.empty()
                      ? "; the authority of a certificate that the system does not know is named in oauth.ca_file"
                      : concat("; the only authorities trusted are those in ", rules.ca_file, " (oauth.ca_file)"));
}

void initialiseOnce() {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

void configure(CURL* curl, const std::string& url, Running& running, std::chrono::milliseconds limit) {
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, running.plain ? "http" : "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limit.count()));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    if (!running.rules.ca_file.empty()) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, running.rules.ca_file.c_str());
        curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &onBytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &running);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, &onSocket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &running);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &onProgress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &running);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

}  // namespace

std::string shownUrl(const std::string& url) {
    if (url.find('@') != std::string::npos) return url.substr(0, url.find("://")) + "://...";
    const std::size_t question = url.find('?');
    return question == std::string::npos ? url : url.substr(0, question + 1) + "...";
}

Result<void> checkUrl(const std::string& url, const FetchRules& rules) {
    if (url.size() > kUrlMax) return Error::invalidArgument("a URL has at most ", kUrlMax, " bytes");
    // What two readers of a URL could take differently is no URL here.
    if (url.find(":///") != std::string::npos ||
        std::ranges::any_of(url, [](unsigned char c) { return c <= 0x20 || c >= 0x7f || c == '\\'; }))
        return Error::invalidArgument("a URL to fetch names its host behind :// and is made of printable ASCII");
    // Before anything is told with the URL in it. Behind a / too: there it may be a password that was not encoded.
    if (url.find('@') < url.find('?'))
        return Error::invalidArgument("a URL to fetch must not hold a user or a password; write another @ as %40");
    Url parsed(curl_url());
    if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
        return Error::invalidArgument("\"", shownUrl(url), "\" is no URL with scheme and host");
    const std::string scheme = part(parsed.get(), CURLUPART_SCHEME);
    if (scheme != "https" && !(scheme == "http" && rules.allow_http))
        return Error::invalidArgument("\"", shownUrl(url), "\" must begin with https://");
    if (part(parsed.get(), CURLUPART_HOST).empty())
        return Error::invalidArgument("\"", shownUrl(url), "\" names no host");
    if (url.find('#') != std::string::npos)
        return Error::invalidArgument("\"", shownUrl(url), "\" must not have a fragment");
    return {};
}

Result<std::string> fetchDocument(const std::string& url, const FetchRules& rules, std::chrono::milliseconds limit,
                                  const std::function<bool()>& is_stopping) {
    if (auto sound = checkUrl(url, rules); !sound) return sound.error();
    initialiseOnce();
    Transfer transfer(curl_easy_init());
    Headers headers(curl_slist_append(nullptr, "Accept: application/json"));
    if (!transfer || !headers) return Error::unavailable("no memory to fetch ", shownUrl(url));
    Running running{.rules = rules, .is_stopping = is_stopping};
    running.plain = url.starts_with("http:") || url.starts_with("HTTP:");
    configure(transfer.get(), url, running, limit);
    curl_easy_setopt(transfer.get(), CURLOPT_HTTPHEADER, headers.get());
    char detail[CURL_ERROR_SIZE] = {};
    curl_easy_setopt(transfer.get(), CURLOPT_ERRORBUFFER, detail);
    const CURLcode code = curl_easy_perform(transfer.get());
    if (!running.refused_address.empty() && code != CURLE_OK) {
        return Error::unavailable(
            shownUrl(url), " leads to ", running.refused_address, ", which ",
            running.plain ? "plain http may not be fetched from" : "is no address of the open Internet");
    }
    if (running.too_long) return Error::unavailable(shownUrl(url), " is longer than ", rules.bytes_max, " bytes");
    if (code != CURLE_OK)
        return Error::unavailable("cannot fetch ", shownUrl(url), ": ", reasonOf(code, detail, rules));
    long status = 0;
    curl_easy_getinfo(transfer.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status >= 300 && status < 400)
        return Error::unavailable(shownUrl(url), " answers with a redirect (", status,
                                  "), which is not followed; configure the "
                                  "address it leads to");
    if (status != 200) return Error::unavailable(shownUrl(url), " answers with status ", status);
    return std::move(running.body);
}

}  // namespace howdah::auth
