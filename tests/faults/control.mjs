// What a running server says of itself over its control socket, as `howdah doctor` would show it.
import { createConnection } from 'node:net';
import { join } from 'node:path';

export function control(server, command) {
  return new Promise((resolve, reject) => {
    const socket = createConnection(join(server.folder, 'control.sock'));
    let said = '';
    socket.setEncoding('utf8').on('data', (text) => { said += text; }).on('error', reject);
    socket.on('end', () => {
      const answer = JSON.parse(said);
      if (answer.ok) resolve(answer.result);
      else reject(new Error(answer.error.message));
    });
    socket.write(`${JSON.stringify({ command })}\n`);
  });
}

export const poolReport = async (server) => (await control(server, 'doctor')).reports.pool;
