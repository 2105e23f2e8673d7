// What tests draw by chance: a seed repeats it, on every machine (mulberry32).

// Whole numbers of 32 bits.
export const randomBits = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return (t ^ (t >>> 14)) >>> 0;
};

// From 0 to below 1, as Math.random().
export function randomFrom(seed) {
  const bits = randomBits(seed);
  return () => bits() / 2 ** 32;
}

export function choicesFrom(seed) {
  const next = randomFrom(seed);
  const below = (limit) => Math.floor(next() * limit);
  return { below, pick: (list) => list[below(list.length)], chance: (share) => next() < share };
}
