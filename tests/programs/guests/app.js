import { log } from 'demo:calc/log@0.1.0';
class Counter {
  constructor(start) { this.value = start; }
  incr(by) { this.value += by; return this.value; }
  get() { return this.value; }
  static both(a, b) { return a.value + b.value; }
}
export const ops = {
  Counter,
  add: (a, b) => a + b,
  area: (s) => s.tag === 'circle' ? 3 * s.val * s.val : s.tag === 'rect' ? s.val.x * s.val.y : 0,
  greet: (name) => { log('green', 'greeting ' + name); return `Hello, ${name}!`; },
  words: (s) => s.split(/\s+/).map((w) => [w, w.length]),
  parse: (s) => { const n = Number(s); if (Number.isNaN(n)) throw `not a number: ${s}`; return n; },
  opt: (x) => x === undefined ? undefined : x + 1,
  nested: (x) => x,
  cycle: (c) => ({ red: 'green', green: 'light-blue', 'light-blue': 'red' }[c]),
  caps: (p) => ({ ...p, exec: true }),
  reverse: (data) => Uint8Array.from(data).reverse(),
  sum: (data) => data.reduce((a, b) => a + b, 0),
  middle: (points) => ({
    x: points.reduce((a, p) => a + p.x, 0) / points.length,
    y: points.reduce((a, p) => a + p.y, 0) / points.length,
  }),
};
