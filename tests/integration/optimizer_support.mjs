// What the tests of the optimizer share: a shop whose PostgreSQL has HypoPG, and what its tools answer there.
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { startCluster } from './cluster.mjs';
import { callTool, textOf } from './support.mjs';

export const startShop = () => startCluster('--database', 'shop', '--load', join(import.meta.dirname, 'optimizer_shop.sql'), '--set', 'shared_preload_libraries=pg_stat_statements');
export const asReader = (dsn) => dsn.replace('//postgres@', '//shop_reader@');
export const kPlugins = (section = {}, pool = {}) => [{ pool: { connections_max: 10, lock_timeout_ms: 0, ...pool } }, 'guard', 'query', { optimizer: section }];

export const asking = (urlNow) => async (tool, args) => {
  const result = await callTool(urlNow(), tool, args);
  assert.ok(!result.isError, textOf(result));
  return result.structuredContent;
};
export const kByCustomer = 'select id, total from shop.orders where customer_id = $1';
export const ddls = (advice) => advice.steps.flatMap(({ indexes }) => indexes.map(({ sql }) => sql));
export const rules = ({ findings }) => findings.map(({ rule }) => rule);
