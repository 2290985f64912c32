// k6's modules as far as exported scenarios use them, on the library ws. What k6 cannot do fails here too: a Ping has a
// payload of its own, a Close has 1000 or 3000 to 4999, events of Pings and Pongs carry nothing, and what comes after our
// Close is dropped.
import { createRequire } from 'node:module';

const Socket = createRequire(import.meta.url)('ws');

export const checks = [];

export function check(value, sets) {
  for (const [name, is] of Object.entries(sets)) {
    if (name.includes('::')) throw new Error(`a check's name has ::, ${name}`);
    checks.push({ name, passed: Boolean(is(value)) });
  }
  return checks.every(({ passed }) => passed);
}

export function fail(why) {
  throw new Error(why);
}

export function b64encode(data) {
  if (typeof data !== 'string' && !(data instanceof ArrayBuffer)) throw new Error('neither text nor an ArrayBuffer');
  return Buffer.from(data).toString('base64');
}

export function b64decode(text, encoding = 'std', format = '') {
  if (encoding !== 'std') throw new Error(`the encoding ${encoding}`);
  const bytes = Buffer.from(text, 'base64');
  return format === 's' ? bytes.toString() : bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
}

export const { setTimeout, clearTimeout } = globalThis;

export class WebSocket {
  static OPEN = 1;
  #socket;
  #listeners = { open: [], message: [], error: [], close: [], ping: [], pong: [] };
  #pings = 0;
  #isClosing = false;

  constructor(url, subprotocols, { headers, ...others }) {
    if (!/^wss?:\/\//.test(url)) throw new Error(`the URL ${url}`);
    if (Object.keys(others).length > 0) throw new Error(`unknown options ${Object.keys(others)}`);
    this.#socket = new Socket(url, subprotocols, { headers, perMessageDeflate: false });
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.on('open', () => this.#call('open', {}));
    this.#socket.on('message', (data, isBinary) => {
      if (!this.#isClosing) this.#call('message', { data: isBinary ? data : Buffer.from(data).toString() });
    });
    this.#socket.on('ping', () => this.#call('ping', {}));
    this.#socket.on('pong', () => this.#call('pong', {}));
    this.#socket.on('error', (error) => this.#call('error', { error: error.message }));
    this.#socket.on('close', (code, reason) => this.#call('close', { code, reason: reason.toString() }));
  }

  set binaryType(type) {
    if (type !== 'arraybuffer') throw new Error(`the binaryType ${type}`);
  }

  get readyState() {
    return this.#isClosing && this.#socket.readyState === 1 ? 2 : this.#socket.readyState;
  }

  get protocol() {
    return this.#socket.protocol;
  }

  addEventListener(type, listener) {
    this.#listeners[type].push(listener);
  }

  send(data) {
    this.#mustBeOpen();
    if (typeof data !== 'string' && !(data instanceof ArrayBuffer)) throw new Error('unsupported send type');
    this.#socket.send(data);
  }

  ping(...none) {
    this.#mustBeOpen();
    if (none.length > 0) throw new Error('a ping takes nothing');
    this.#socket.ping(String(this.#pings++));
  }

  close(code = 1000, reason = '') {
    if (code !== 1000 && !(code >= 3000 && code <= 4999)) throw new Error(`InvalidAccessError: ${code}`);
    // k6 waits for ever here.
    if (this.readyState === 0) throw new Error('closed before it was open');
    if (this.readyState !== 1) return;
    this.#isClosing = true;
    this.#socket.close(code, reason);
  }

  #mustBeOpen() {
    if (this.readyState !== 1) throw new Error('InvalidStateError');
  }

  #call(type, event) {
    for (const listener of this.#listeners[type]) listener(event);
  }
}
