// nginx in front of several servers, each request to the next one; it says in a header which one has answered.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { atExit, freePort, until } from './support.mjs';

// What a proxy in front of event streams needs: nothing held back, no limit on silence that is shorter than ours, and a
// request that may have had an effect is never sent to a second server.
const conf = (folder, port, servers) => `
daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/error.log warn;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((what) => `${what}_temp_path ${folder}/${what};`).join('\n  ')}
  upstream howdah {
    ${servers.map((server) => `server ${new URL(server.url).host} max_fails=1 fail_timeout=1s;`).join('\n    ')}
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://howdah;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_buffering off;
      proxy_read_timeout 300s;
      add_header X-Upstream $upstream_addr always;
    }
  }
}
`;

export async function startNginx(servers) {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-it-nginx-'));
  const port = await freePort();
  writeFileSync(join(folder, 'nginx.conf'), conf(folder, port, servers));
  const child = spawn('/usr/sbin/nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], { stdio: 'ignore' });
  const remove = atExit(() => {
    child.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });
  const base = `http://127.0.0.1:${port}`;
  await until('nginx answers', () => fetch(base).then(() => true, () => false));
  return { url: `${base}${new URL(servers[0].url).pathname}`, remove };
}
