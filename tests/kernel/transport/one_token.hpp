// An Authenticator that knows one token, "right", and fails for "down".
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "kernel/pipeline/request.hpp"
#include "kernel/transport/http_settings.hpp"

namespace howdah::kernel::test {

class OneToken final : public Authenticator {
public:
    Result<std::shared_ptr<const Principal>> authenticate(const Inbound& request) override {
        if (request.authorization == "Bearer down") return Error::unavailable("the key server does not answer");
        if (request.authorization == "Bearer") return Error::invalidArgument("no token in the header");
        if (request.authorization != "Bearer right") return Error::refused("unknown or missing token");
        auto principal = std::make_shared<Principal>();
        principal->subject = "ann";
        return std::shared_ptr<const Principal>(std::move(principal));
    }
    std::string challenge(std::string_view resource, const Challenge& challenge) override {
        std::string text = concat("Bearer realm=\"howdah\", at=\"", metadataUrl(resource), "\", reason=\"",
                                  static_cast<int>(challenge.reason), "\", scope=\"");
        for (const std::string& scope : challenge.scopes)
            text += scope;
        return text + '"';
    }
    Result<std::string> metadata(std::string_view resource) override {
        if (!has_metadata) return Error::notFound("there is none");
        return concat(R"({"resource":")", resource, "\"}");
    }
    bool has_metadata = true;
};

}  // namespace howdah::kernel::test
