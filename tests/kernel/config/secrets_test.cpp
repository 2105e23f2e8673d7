#include "kernel/config/secrets.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace howdah;
using namespace howdah::kernel;

namespace {

const Environment kEnvironment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "USER_NAME") return "alice";
    if (name == "MAX") return "20";
    if (name == "EMPTY") return "";
    return std::nullopt;
};

struct Folder {
    std::filesystem::path path;
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "howdah-secrets-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    void write(const char* name, const std::string& content, mode_t mode = 0600) const {
        std::ofstream(path / name) << content;
        ::chmod((path / name).c_str(), mode);
    }
};

struct Resolved {
    Json value;
    std::string error;
    Secrets secrets;
};
Resolved resolve(const std::string& yaml_value, const std::filesystem::path& folder = ".") {
    auto document = parseYaml("k: " + yaml_value + "\n", "f.yaml");
    REQUIRE(document.has_value());
    auto secrets = resolveSecrets(*document, kEnvironment, folder);
    if (!secrets) return {nullptr, secrets.error().message, {}};
    return {document->root["k"], "", *secrets};
}

}  // namespace

TEST_CASE("secrets: references are replaced, escapes are kept, plain ones are typed") {
    CHECK(resolve("a-${env:USER_NAME}-b").value == "a-alice-b");
    CHECK(resolve("\"${env:USER_NAME}${env:MAX}\"").value == "alice20");
    CHECK(resolve("${env:MAX}").value == 20);
    CHECK(resolve("\"${env:MAX}\"").value == "20");
    CHECK(resolve("${env:MAX}0").value == "200");
    CHECK(resolve("${env:NO:-5}").value == 5);
    CHECK(resolve("\"${env:NO:-}\"").value == "");
    CHECK(resolve("${env:NO:-}").value == "");  // not null, also without quotes
    CHECK(resolve("${env:EMPTY:-x}").value == "x");
    CHECK(resolve("$${env:MAX}").value == "${env:MAX}");
    CHECK(resolve("a$b$").value == "a$b$");
    CHECK(resolve("${env:MAX}").secrets.contains("/k"));
    CHECK_FALSE(resolve("$${env:MAX}").secrets.contains("/k"));
}

TEST_CASE("secrets: what cannot be resolved names key and place") {
    CHECK(resolve("${env:NO}").error ==
          "f.yaml:1:1: k: the environment variable NO is not set (write ${env:NO:-default} for a default)");
    CHECK(resolve("${env:EMPTY}").error.find("EMPTY is not set") != std::string::npos);
    CHECK(resolve("\"${env:A B}\"").error == "f.yaml:1:1: k: ${env:NAME} wants a name of letters, digits and _");
    CHECK(resolve("\"${env:MAX\"").error == "f.yaml:1:1: k: \"${\" without \"}\" (write $${ for the text itself)");
    CHECK(resolve("${MAX}").error.find("a reference is ${env:NAME}") != std::string::npos);
    CHECK(resolve("${file:/nonexistent/x}").error ==
          "f.yaml:1:1: k: cannot read /nonexistent/x: No such file or directory");
    CHECK(resolve("${file:/dev/zero}").error == "f.yaml:1:1: k: /dev/zero is no regular file");
}

TEST_CASE("secrets: files are cut of one newline, bounded, and warned about when open to all") {
    Folder folder;
    folder.write("token", "s3cret\n");
    folder.write("open", "x", 0644);
    folder.write("full", std::string(65536, 'x'));
    folder.write("large", std::string(65537, 'x'));
    CHECK(resolve("${file:token}", folder.path).value == "s3cret");
    CHECK(resolve("${file:token}", folder.path).secrets.warnings.empty());
    CHECK(resolve("${file:open}", folder.path).secrets.warnings.size() == 1);
    CHECK(resolve("${file:full}", folder.path).error == "");
    CHECK(resolve("${file:large}", folder.path).error.ends_with("/large is larger than 65536 bytes"));
    REQUIRE(::mkfifo((folder.path / "pipe").c_str(), 0600) == 0);
    CHECK(resolve("${file:pipe}", folder.path).error.ends_with("/pipe is no regular file"));
}

TEST_CASE("secrets: passwords in connection strings are masked in every form") {
    CHECK(maskDsn("postgresql://u:p@h:5432/d") == "postgresql://u:***@h:5432/d");
    CHECK(maskDsn("postgresql://u:p@x@h/d") == "postgresql://u:***@h/d");
    CHECK(maskDsn("postgresql://u@h/d?password=p&sslmode=require") ==
          "postgresql://u@h/d?password=***&sslmode=require");
    CHECK(maskDsn("postgresql://h/d?user=u&pass%77ord=p") == "postgresql://h/d?user=u&password=***");
    CHECK(maskDsn("postgresql://app:p@h1,app:p@h2/d") == "postgresql://app:***@h2/d");
    CHECK(maskDsn("postgresql://u:p@h1:5432,[::1]:5433/d") == "postgresql://u:***@h1:5432,[::1]:5433/d");
    CHECK(maskDsn("postgresql://h:5432/d") == "postgresql://h:5432/d");
    CHECK(maskDsn("host=h password=p dbname=d") == "host=h password=*** dbname=d");
    CHECK(maskDsn("password = 'a b\\'c' host=h") == "password = *** host=h");
    CHECK(maskDsn("sslpassword=p PASSWORD=q") == "sslpassword=*** PASSWORD=***");
    CHECK(maskDsn("") == "");
}

TEST_CASE("secrets: of a connection string whose password is not encoded, no piece is shown") {
    for (std::string_view text : {
             "postgresql://app:pa/s3cret@db/shop",
             "postgresql://app:12/s3cret@db/shop",
             "postgresql://app:pa?s3cret@host/db",
             "postgresql://app:pa?s3cret=x@host/db",
             "postgresql://app:12?s3cret=x/y@host/db",
             "postgresql://app:s3cret/x",
             "postgresql://app:s3cret?x",
             "postgresql://app:top@s3cret@db/shop",
             "postgresql://app:s3cret@h1,app:s3cret@h2/shop",
             "postgresql://host?user=u&password=top@s3cret",
             "postgresql://host?password=s3c:ret@x",
             "postgresql://host/db?password=top@s3cret",
             "postgresql://host/db?password=a&s3cret=b",
             "postgresql://host/db?password=a&s3cret",
             "postgresql://host/db?PASSFILE=s3cret",
             "postgresql://app%3As3cret@host/db",
             "postgresql://host/db?user=u&pass%77ord=s3cret",
             "postgresql://host/db?user=u&%70assword=s3cret",
             "postgresql://host/db?sslpassword=s3cret&oauth_client_secret=s3cret&scram_client_key=s3cret",
             "postgresql://host/dbname=x password=s3cret",
             "postgresql+psycopg2://app:s3cret@db/shop",
             "jdbc:postgresql://db/shop?user=app&password=s3cret",
             "app:s3cret@db/shop",
             "host=db password=top s3cret",
             "host=db password=top s3cret dbname=d",
             "host=db password=top x=s3cret dbname=d",
             "host=db password='to'x=s3cret",
             "host=db password='top s3cret",
             "host=db password=top\\ s3cret",
             "host=app:pa@s3cret",
             "dbname=postgresql://app:s3cret@db/shop",
             "dbname='host=db password=s3cret'",
         }) {
        CAPTURE(text);
        const std::string masked = maskDsn(text);
        CAPTURE(masked);
        CHECK(masked.find("s3c") == std::string::npos);
    }
}

TEST_CASE("secrets: a connection string with references is shown as written, unless a password stands beside them") {
    for (std::string_view written : {
             "${env:DATABASE_URL}",
             "${file:/run/secrets/dsn}",
             "postgresql://app:${env:PW}@db/shop",
             "postgresql://${env:WHO}:${file:/run/secrets/pw}@${env:HOST:-db}:5432/shop?sslmode=require",
             "postgresql://db/shop?user=app&password=${env:PW}",
             "host=${env:HOST} password=${env:PW} dbname=shop",
         }) {
        CAPTURE(written);
        CHECK(maskWrittenDsn(written, "host=x") == written);
    }
    for (const auto& [written, resolved, shown] : std::vector<std::array<std::string_view, 3>>{
             {"postgresql://app:s3cret@${env:HOST}/shop", "postgresql://app:s3cret@db/shop",
              "postgresql://app:***@db/shop"},
             {"postgresql://app:${env:PW:-s3cret}@db/shop", "postgresql://app:p@db/shop",
              "postgresql://app:***@db/shop"},
             {"${env:BASE}?password=s3cret", "postgresql://db/shop?password=s3cret",
              "postgresql://db/shop?password=***"},
             {"host=${env:HOST} password=s3cret", "host=db password=s3cret", "host=db password=***"},
             {"${env:URL:-postgresql://app:s3cret@db/shop}", "postgresql://app:p@db/shop",
              "postgresql://app:***@db/shop"},
         }) {
        CAPTURE(written);
        CHECK(maskWrittenDsn(written, resolved) == shown);
    }
}
