// F11: the password of the server's role is changed behind its back, and given to it by a reload; the certificate of the
// database expires, and is renewed.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { makeAuthority } from '../integration/certificates.mjs';
import { inFolder } from '../integration/support.mjs';
import { Bench } from './bench.mjs';
import { url } from './cluster.mjs';
import { poolReport } from './control.mjs';
import { ms, together } from './load.mjs';

const kNew = 'rotated-51aee3';
const kTries = 1;  // a second and database

const killAll = (bench) => bench.session.ask(`select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = '${bench.name}'`);

// The database is unusable until mend(); what it says then must match `told`.
async function unusable(report, bench, warm, { what, told, secrets, seconds, mend }) {
  const load = bench.load({ callers: 8, timeout_ms: 2000, every_ms: 50, writes: 0 });
  await load.seen(1, ({ at_once }) => at_once);
  const [tried, since] = [bench.proxy.accepted, performance.now()];
  await pause(seconds * 1000);
  const rate = (bench.proxy.accepted - tried) / ((performance.now() - since) / 1000);
  const health = await poolReport(bench.server);
  const mended = load.now();
  await mend();
  const back = await load.firstDone(mended);
  await load.stop();
  const refusals = load.calls.filter(({ at_once }) => at_once);
  report.figure(`${what}: ${rate.toFixed(2)} connections tried a second while it lasted (${seconds} s), ${refusals.length} refusals; first success ${ms(back)} after it was mended`);
  report.holds(`${what}.told`, refusals.every(({ text }) => told.test(text)), `a refusal says something else: ${refusals.find(({ text }) => !told.test(text))?.text}`);
  report.holds(`${what}.health`, told.test(health.databases[0].last_error ?? ''), `the report says ${JSON.stringify(health.databases[0])}`);
  report.holds(`${what}.loop`, rate <= kTries, `${rate.toFixed(2)} connections tried a second, wanted ${kTries}`);
  report.holdsInTime(`${what}.recovery`, back <= 3000, `the first success came ${ms(back)} after it was mended`);
  report.judgeAnswers(load);
  report.judgeDeadlines(load);
  await report.judgeTries(bench, together([warm, load]));
  await bench.server.stop();  // its log is whole then
  const everything = [bench.server.log(), JSON.stringify(health), ...load.calls.map(({ text }) => text)].join('\n');
  const leaked = secrets.filter((secret) => everything.includes(secret));
  report.holds(`${what}.secrets`, leaked.length === 0, `${leaked.length} secrets were told`);
}

export const run = (report, set) => Bench.open(async (bench) => {
  await bench.withDatabase({ options: ['--auth', 'scram', '--tls'] });
  await certificate(report, bench, set);
  await password(report, bench, set);
});

async function password(report, bench, { full }) {
  const place = inFolder();
  bench.finally(() => place.remove());
  const give = (secret) => writeFileSync(join(place.folder, 'dsn'), url(bench.proxy.port, { name: bench.name, password: secret }), { mode: 0o600 });
  give(bench.cluster.password);
  await bench.withServer({ place, databases: '  main: { dsn: "${file:dsn}" }' });
  const warm = bench.load({ callers: 4, writes: 0 });
  await warm.seen(20);
  await warm.stop();
  await bench.session.ask(`alter role postgres password '${kNew}'`);
  await killAll(bench);
  await unusable(report, bench, warm, {
    what: 'password', told: /refuses this user or password \(28P01\)/, secrets: [bench.cluster.password, kNew], seconds: full ? 20 : 3,
    mend: async () => {
      give(kNew);
      bench.server.child.kill('SIGHUP');
    },
  });
}

async function certificate(report, bench, { full }) {
  const place = dirname(bench.cluster.data);
  const authority = inFolder();
  bench.finally(() => authority.remove());
  const signed = makeAuthority(authority.folder);
  const serve = async (days) => {
    signed.issue('localhost', place, { days });
    if (process.getuid() === 0) execFileSync('chown', ['postgres:', join(place, 'server.key'), join(place, 'server.crt')]);
    execFileSync('chmod', ['600', join(place, 'server.key')]);
    await bench.session.ask('select pg_reload_conf()');
  };
  await serve(2);
  await bench.withServer({ databases: `  main: { dsn: "${bench.dsn().replace('sslmode=disable', `sslmode=verify-ca&sslrootcert=${signed.ca}`)}" }` });
  const warm = bench.load({ callers: 4, writes: 0 });
  await warm.seen(20);
  await warm.stop();
  await serve(-1);
  await killAll(bench);
  await unusable(report, bench, warm, {
    what: 'certificate', told: /cannot be reached over TLS as its dsn asks/, secrets: [bench.cluster.password], seconds: full ? 20 : 3, mend: () => serve(2),
  });
}
