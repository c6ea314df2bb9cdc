// Node's worker: one program, run over and over (see engines.py).
import { WASI } from "node:wasi";
import fs from "node:fs";
import readline from "node:readline";

const task = JSON.parse(process.argv[2]);
const begun = performance.now();
const module = new WebAssembly.Module(fs.readFileSync(task.wasm));
const answer = (value) => fs.writeSync(1, JSON.stringify(value) + "\n");
answer({ compile: (performance.now() - begun) / 1000 });

function run() {
  const stdin = fs.openSync(task.stdin, "r");
  const stdout = fs.openSync(task.stdout, "w");
  const wasi = new WASI({
    version: "preview1", args: task.args, env: {}, preopens: task.dirs,
    stdin, stdout, returnOnExit: true,
  });
  const instance = new WebAssembly.Instance(module, wasi.getImportObject());
  const start = process.threadCpuUsage();
  const code = wasi.start(instance);
  const { user, system } = process.threadCpuUsage(start);
  const seconds = (user + system) / 1e6;
  for (const descriptor of [stdin, stdout]) {
    try {
      fs.closeSync(descriptor);
    } catch (error) {
      if (error.code !== "EBADF") throw error; // some programs close their own
    }
  }
  return { seconds, code };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  if (line === "run") answer(run());
}
