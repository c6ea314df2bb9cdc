// The world `flow-alone` of `flow.wit`, for jco.
const shout = (byte) => (byte >= 97 && byte <= 122 ? byte - 32 : byte);

async function* shouting(text) {
  for await (const part of text) yield Uint8Array.from(part, shout);
}

export const flows = {
  async slowly(name) {
    for (let turn = 0; turn < 20; turn++) await null;
    return `${name} after 20 ms`;
  },
  upper: async (text) => shouting(text),
  async count(data) {
    let total = 0;
    for await (const part of data) total += part.length;
    return total;
  },
  async later(x) {
    const { readable, writable } = wit.Future(wit.Future.U32);
    writable.write(x + 1);
    return readable;
  },
};
