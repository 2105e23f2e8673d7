// Between the pool and PostgreSQL: lets everything through, and ends the connection around a COMMIT as a test asks.
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';

import { atExit } from './support.mjs';

// How the next COMMIT is lost: 'before' it reaches the server, 'after' the server has answered, 'during' as soon as it has
// been handed on.
export async function startCommitProxy(environment) {
  const upstream = join(environment.PGHOST, `.s.PGSQL.${environment.PGPORT}`);
  const proxy = { lose: null, lost: 0, open: true, onLost: () => {} };
  const pairs = new Set();
  const server = createServer((client) => {
    if (!proxy.open) return client.destroy();
    const database = createConnection(upstream);
    const end = () => {
      client.destroy();
      database.destroy();
      pairs.delete(end);
    };
    pairs.add(end);
    let losing = null;
    const lose = () => {
      end();
      proxy.lost++;
      proxy.onLost();
    };
    client.on('data', (bytes) => {
      // Parse of the unnamed or a named statement whose text is "commit".
      if (proxy.lose && bytes.includes('commit\0')) {
        losing = proxy.lose;
        proxy.lose = null;
        if (losing === 'before') return lose();
        database.write(bytes, () => { if (losing === 'during') lose(); });
        return;
      }
      database.write(bytes);
    });
    database.on('data', (bytes) => {
      if (losing) {
        if (losing === 'after' && bytes.includes('COMMIT\0')) lose();
        return;  // the answer goes nowhere
      }
      client.write(bytes);
    });
    for (const socket of [client, database]) socket.on('error', end).on('close', end);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = atExit(() => {
    server.close();
    pairs.forEach((end) => end());
  });
  return Object.assign(proxy, { port: server.address().port, stop, cutAll: () => pairs.forEach((end) => end()) });
}
