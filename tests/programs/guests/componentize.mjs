// node componentize.mjs COMPONENTIZE-JS SOURCE WIT WORLD OUTPUT
import { writeFile } from 'node:fs/promises';

const [library, sourcePath, witPath, worldName, output] = process.argv.slice(2);
const { componentize } = await import(`${library}/src/componentize.js`);
const disableFeatures = ['clocks', 'http', 'random', 'stdio', 'fetch-event'];
const { component } = await componentize({ sourcePath, witPath, worldName, disableFeatures });
await writeFile(output, component);
