// A password in a connection string or in a URL, and a key in a query, never survive the mask, whatever stands around
// them.
#include <algorithm>
#include <cctype>

#include <howdah/result.hpp>

#include "fuzz/input.hpp"
#include "kernel/config/secrets.hpp"

using namespace howdah::kernel;
using howdah::concat;
using howdah::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    constexpr const char* kSecret = "S3CRETxyzzy";
    std::string_view rest = howdah::fuzz::textOf(bytes, size);
    std::string user(howdah::fuzz::takePart(rest));
    std::erase_if(user, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
    const std::string noise(rest);
    for (const std::string& other : {user, noise})
        if (other.find(kSecret) != std::string::npos) return 0;  // where it is no password, it may be shown
    for (const std::string& dsn :
         {concat("postgresql://", user, ":", kSecret, "@", noise),
          concat("postgres://", user, ":", kSecret, noise, "@h/d"), concat("host=h password=", kSecret, " ", noise),
          concat("password='", kSecret, "' ", noise), concat("postgresql://h/d?password=", kSecret, "&", noise)}) {
        must(maskDsn(dsn).find(kSecret) == std::string::npos, dsn.c_str());
    }
    static_cast<void>(maskDsn(noise));
    for (const std::string& value :
         {concat("https://", user, ":", kSecret, "@", noise), concat("https://", user, ":", kSecret, noise, "@h/p"),
          concat("https://h/p?api_key=", kSecret, noise), concat("https://h/p?", noise, "token=", kSecret)})
        must(maskValue("", value).find(kSecret) == std::string::npos, value.c_str());
    must(maskValue("password", kSecret + noise).find(kSecret) == std::string::npos, "a key names its secret");
    static_cast<void>(maskValue(user, noise));
    return 0;
}
