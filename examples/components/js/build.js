// Makes counter.wasm of counter.js.
import { readFile, writeFile } from 'node:fs/promises';
import { componentize } from '@bytecodealliance/componentize-js';

const source = await readFile('counter.js', 'utf8');
const { component } = await componentize(source, {
  sourceName: 'counter.js',
  witPath: 'wit',
  worldName: 'processor-component',
  // A component gets no files, no clock, no network and no chance.
  disableFeatures: ['random', 'stdio', 'clocks', 'http', 'fetch-event'],
});
await writeFile('counter.wasm', component);
