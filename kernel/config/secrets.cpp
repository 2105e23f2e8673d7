#include "kernel/config/secrets.hpp"

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace howdah::kernel {

namespace {

constexpr std::size_t kFileMax = 64u << 10;  // bytes of one ${file:...}

class Resolver {
public:
    Resolver(YamlDocument& document, const Environment& environment, const std::filesystem::path& folder)
        : document_(document), environment_(environment), folder_(folder) {}

    Result<Secrets> run() {
        walk(document_.root);  // as deep as the document, which the reader bounds
        if (!problem_.empty()) return Error::invalidArgument(problem_);
        return std::move(secrets_);
    }

private:
    void walk(Json& value) {
        if (!problem_.empty()) return;
        const std::size_t length = pointer_.size();
        if (value.is_object()) {
            for (auto& [key, inside] : value.items()) {
                appendPointer(pointer_, key);
                walk(inside);
                pointer_.resize(length);
            }
        } else if (value.is_array()) {
            for (std::size_t i = 0; i < value.size(); ++i) {
                appendPointer(pointer_, i);
                walk(value[i]);
                pointer_.resize(length);
            }
        } else if (value.is_string()) {
            resolve(value);
        }
    }

    void fail(std::string_view text) {
        if (problem_.empty()) problem_ = document_.describe(pointer_, text);
    }

    void resolve(Json& value) {
        const std::string written = value.get<std::string>();
        std::string out;
        std::size_t references = 0;
        std::string_view rest = written;
        while (!rest.empty() && problem_.empty()) {
            if (rest.starts_with("$${")) {
                out += "${";
                rest.remove_prefix(3);
            } else if (rest.starts_with("${")) {
                const std::size_t close = rest.find('}');
                if (close == std::string_view::npos)
                    return fail("\"${\" without \"}\" (write $${ for the text itself)");
                out += reference(rest.substr(2, close - 2));
                rest.remove_prefix(close + 1);
                ++references;
            } else {
                const std::size_t next = rest.find('$', 1);
                out += rest.substr(0, next);
                rest.remove_prefix(next == std::string_view::npos ? rest.size() : next);
            }
        }
        if (references != 0) secrets_.references[pointer_] = written;
        const bool alone = references == 1 && written.starts_with("${") && written.find('}') == written.size() - 1;
        value = alone && document_.plain.contains(pointer_) ? typedScalar(out) : Json(out);
        if (value.is_null()) value = out;  // ${env:DATABASE_URL:-} is an empty text: nobody means null by it
    }

    std::string reference(std::string_view inside) {
        if (inside.starts_with("env:")) return variable(inside.substr(4));
        if (inside.starts_with("file:")) return file(inside.substr(5));
        fail("a reference is ${env:NAME}, ${env:NAME:-default} or ${file:/path} (write $${ for the text itself)");
        return {};
    }

    std::string variable(std::string_view text) {
        const std::size_t dash = text.find(":-");
        const std::string name(text.substr(0, dash));
        bool valid = !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0]));
        for (char c : name)
            valid = valid && (std::isalnum(static_cast<unsigned char>(c)) || c == '_');
        if (!valid) {
            fail("${env:NAME} wants a name of letters, digits and _");
            return {};
        }
        if (auto value = environment_(name); value && !value->empty()) return *value;
        if (dash != std::string_view::npos) return std::string(text.substr(dash + 2));
        fail(concat("the environment variable ", name, " is not set (write ${env:", name, ":-default} for a default)"));
        return {};
    }

    std::string file(std::string_view text) {
        const std::filesystem::path path = folder_ / std::filesystem::path(text);
        // O_NONBLOCK: a named pipe must not hang the start; it is refused below.
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) {
            fail(concat("cannot read ", path.string(), ": ", std::strerror(errno)));
            return {};
        }
        std::string content = readOpen(fd, path);
        ::close(fd);
        return content;
    }

    std::string readOpen(int fd, const std::filesystem::path& path) {
        struct stat about{};
        if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
            fail(concat(path.string(), " is no regular file"));
            return {};
        }
        if (about.st_mode & S_IROTH) {
            secrets_.warnings.push_back(document_.describe(
                pointer_, concat(path.string(), " can be read by every user of this machine, chmod o-r it")));
        }
        std::string content(kFileMax + 1, '\0');
        std::size_t size = 0;
        while (size < content.size()) {
            const ssize_t got = ::read(fd, content.data() + size, content.size() - size);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) {
                fail(concat("cannot read ", path.string(), ": ", std::strerror(errno)));
                return {};
            }
            if (got == 0) break;
            size += static_cast<std::size_t>(got);
        }
        if (size > kFileMax) {
            fail(concat(path.string(), " is larger than ", kFileMax, " bytes"));
            return {};
        }
        content.resize(size);
        if (content.ends_with('\n')) content.pop_back();
        if (content.ends_with('\r')) content.pop_back();
        return content;
    }

    YamlDocument& document_;
    const Environment& environment_;
    const std::filesystem::path& folder_;
    Secrets secrets_;
    std::string pointer_;
    std::string problem_;
};

}  // namespace

Environment processEnvironment() {
    return [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
    };
}

Result<Secrets> resolveSecrets(YamlDocument& document, const Environment& environment,
                               const std::filesystem::path& folder) {
    return Resolver(document, environment, folder).run();
}

}  // namespace howdah::kernel
