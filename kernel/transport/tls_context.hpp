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

// Whether both serve with the same certificate.
bool sameCertificate(ssl_ctx_st& one, ssl_ctx_st& other);

}  // namespace howdah::kernel
