// An authority of the test's own, and certificates it has signed.
import { execFileSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });

// `ca` is its file. issue() puts a certificate in place of the one that may be there, as deployments do it; with days: -1 it
// has expired.
export function makeAuthority(folder, name = 'howdah test authority') {
  const [ca, ca_key] = ['crt', 'key'].map((end) => join(folder, `${name.replaceAll(' ', '-')}.${end}`));
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
    '-keyout', ca_key, '-out', ca);
  return {
    ca,
    key: ca_key,
    issue(common_name, into, { names = 'DNS:localhost,DNS:db.test,IP:127.0.0.1', as = 'server', days = 2 } = {}) {
      const [key, request, certificate, extensions] = ['key.new', 'csr', 'crt.new', 'cnf'].map((end) => join(into, `${as}.${end}`));
      writeFileSync(extensions, `subjectAltName=${names}\n`);
      openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${common_name}`, '-keyout', key, '-out', request);
      openssl('x509', '-req', '-in', request, '-CA', ca, '-CAkey', ca_key, '-CAcreateserial', '-days', String(days), '-extfile', extensions, '-out', certificate);
      const files = { key: join(into, `${as}.key`), certificate: join(into, `${as}.crt`) };
      renameSync(key, files.key);
      renameSync(certificate, files.certificate);
      return files;
    },
  };
}
