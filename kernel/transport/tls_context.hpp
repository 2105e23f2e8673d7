// What OpenSSL needs to serve with one certificate.
//
// Threads: any.
// Errors:  of makeTlsContext(): see TlsCertificate.
#pragma once

#include <memory>
#include <string>

#include <howdah/result.hpp>

#include "kernel/transport/tls_certificate.hpp"

namespace howdah::kernel {

Result<std::shared_ptr<ssl_ctx_st>> makeTlsContext(const TlsFiles& files);

// The certificate it serves with, in DER.
std::string certificateOf(ssl_ctx_st& context);

}  // namespace howdah::kernel
