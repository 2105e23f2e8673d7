// Why a test is skipped where this machine lacks something. `./dev test` installs it all, so there it is a failure.
export function lacking(what) {
  if (process.env.HOWDAH_NOTHING_LACKS) throw new Error(`${what}, and ./dev test should have seen to that`);
  return what;
}
