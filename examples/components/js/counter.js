// A processor that numbers what passes.
const VERSION = 1;
let count = 0n;

const eight = number => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, number, true);
  return bytes;
};

export const lifecycle = {
  describe: () => ({ name: 'counter', version: `${VERSION}.0.0`, stateSchema: 1, accepts: new Uint32Array() }),
  init: () => {},
  reconfigure: () => {},
  probe: () => {},
  busy: () => 0,
  snapshot: () => ({ schema: 1, bytes: eight(count) }),
  restore: state => {
    if (state.bytes.length !== 8) throw 'the state is not eight bytes';
    count = new DataView(state.bytes.buffer, state.bytes.byteOffset).getBigUint64(0, true);
  },
};

export const processor = {
  processBatch: batch => batch.map(message => {
    count += 1n;
    return { ...message, kind: VERSION, payload: eight(count) };
  }),
};
