// The operator's keys, and those of one tenant derived from them.
//
// A key file has one key a line, "ID HEX" (64 hex digits); the first seals, all open: a new key is put first, and an
// old one taken out when nothing sealed with it is to be read any more. A tenant's own keys need its salt as well,
// which lies beside its log: whoever destroys the salt has destroyed what was sealed.
//
// Threads: immutable once read.
// Errors:  invalid_argument, refused, unavailable naming the file and the line, never a key.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <howdah/result.hpp>

#include "plugins/multi_tenant/audit/crypto.hpp"

namespace howdah::multi_tenant {

struct TenantKey {
    std::string id;
    Key body;  // of records
    Key head;  // of the mark that says where the log ends
};
using TenantKeys = std::vector<TenantKey>;  // as in the file: the first seals

class KeyRing {
public:
    static Result<KeyRing> read(const std::string& path);  // may block
    static Result<KeyRing> parse(std::string_view text, std::string_view path);

    Result<TenantKeys> of(std::string_view tenant, std::string_view salt) const;
    // Of the mark beside the tenant's folder, which must be told from a forged one when the salt is gone with the
    // folder.
    Result<std::vector<Key>> marksOf(std::string_view tenant) const;

private:
    struct Master {
        std::string id;
        Key key;
    };
    std::vector<Master> masters_;
};

}  // namespace howdah::multi_tenant
