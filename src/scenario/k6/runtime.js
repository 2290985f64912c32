//! What exported scenarios run on: connections, steps, and what is expected of a message. The steps
//! themselves are above. k6 does not tell the order between messages and Pings or Pongs, nor what a Ping or
//! Pong carries, nor what comes after our Close.

// What the environment has: k6 run -e NAME=VALUE.
function environment(names) {
  const values = {};
  for (const name of names) {
    if (__ENV[name] === undefined) throw new Error(`the environment has no ${name}: k6 run -e ${name}=…`);
    values[`env.${name}`] = JSON.stringify(__ENV[name]);
  }
  return values;
}

class Scenario {
  // What names stand for, as JSON.
  constructor(values) {
    this.values = values;
    this.lines = {};
  }

  async step(name, act) {
    let wrong = null;
    try {
      await act();
    } catch (error) {
      wrong = error.message || String(error);
    }
    check(wrong, { [name]: (wrong) => wrong === null });
    if (wrong !== null) fail(`${name}: ${wrong}`);
  }

  // A name as it stands in a text.
  text(name) {
    const value = JSON.parse(this.values[name]);
    return typeof value === "string" ? value : this.values[name];
  }

  // A name as JSON.
  json(name) {
    return this.values[name];
  }

  // A name without quotes in jq.
  bare(name) {
    return read(this.values[name]);
  }

  open(name, url, subprotocols, headers, within) {
    const where = __ENV.URL || url;
    if (where === null) throw new Error("there is no server: k6 run -e URL=ws://…");
    const ws = new WebSocket(where, subprotocols, { headers });
    ws.binaryType = "arraybuffer";
    const line = new Line(ws);
    return new Promise((resolve, reject) => {
      let given = true;
      const refuse = (why) => {
        given = false;
        clearTimeout(timer);
        reject(new Error(why));
      };
      const timer = setTimeout(() => refuse(`it is not open within ${within} ms`), within);
      ws.addEventListener("open", () => {
        clearTimeout(timer);
        if (ws.protocol && !subprotocols.includes(ws.protocol)) refuse(`the subprotocol ${ws.protocol} was not offered`);
        if (!given) return ws.close();
        this.lines[name] = line;
        resolve();
      });
      ws.addEventListener("error", (event) => refuse(String(event.error)));
      ws.addEventListener("message", (event) => line.moves(() => line.messages.push(event.data)));
      ws.addEventListener("ping", () => line.moves(() => (line.pings += 1)));
      ws.addEventListener("pong", () => line.moves(() => (line.pongs += 1)));
      ws.addEventListener("close", (event) => line.moves(() => (line.end = event)));
    });
  }

  send(name, data) {
    this.lines[name].sendable().send(data);
  }

  ping(name) {
    this.lines[name].sendable().ping();
  }

  // Without `within` a later step sees to the answer.
  async close(name, code, reason, within) {
    const line = this.lines[name];
    line.sendable().close(code, reason);
    if (within === null) return;
    const until = Date.now() + within;
    while (line.end === null) {
      if (Date.now() >= until) throw new Error(`our Close was not answered within ${within} ms`);
      await line.moved(until);
    }
    if (![code, 1000, 1005].includes(line.code())) throw new Error(line.closed());
  }

  async expect(name, within, skip, judge) {
    const judged = (data) => {
      const message = new Message(data);
      judge(message);
      Object.assign(this.values, message.kept);
    };
    await this.lines[name].take(within, skip, judged, (line) => {
      throw new Error(line.closed());
    });
  }

  async expectClose(name, within, skip, code, reason) {
    const message = (data) => {
      throw new Error(`came: ${shown(data)}`);
    };
    await this.lines[name].take(within, skip, message, (line) => {
      const is = line.code();
      if (code === null ? is === 1006 : is !== code) throw new Error(line.closed());
      if (reason !== null && is !== 1005 && is !== 1006 && line.end.reason !== reason) throw new Error(line.closed());
    });
  }

  // A Ping or a Pong.
  async expectControl(name, within, kind) {
    const line = this.lines[name];
    const until = Date.now() + within;
    while (line[kind] === 0) {
      if (line.end !== null) throw new Error(line.closed());
      if (Date.now() >= until) throw new Error(`nothing came within ${within} ms`);
      await line.moved(until);
    }
    line[kind] -= 1;
  }

  async silence(name, length) {
    const line = this.lines[name];
    const until = Date.now() + length;
    for (;;) {
      if (line.messages.length > 0) throw new Error(`came: ${shown(line.messages[0])}`);
      if (line.end !== null) throw new Error(line.closed());
      if (Date.now() >= until) return;
      await line.moved(until);
    }
  }

  // Closes what is open: k6 would wait for it.
  part() {
    for (const line of Object.values(this.lines)) {
      if (line.ws.readyState === WebSocket.OPEN) line.ws.close(1000);
    }
  }
}

// A connection: what has come, and no step has taken.
class Line {
  constructor(ws) {
    this.ws = ws;
    this.messages = [];
    this.pings = 0;
    this.pongs = 0;
    this.end = null;
    this.wake = null;
  }

  moves(how) {
    how();
    if (this.wake !== null) this.wake();
  }

  // Waits until something moves, or a time has come.
  moved(until) {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(wake, Math.max(1, until - Date.now()));
      this.wake = wake;
    });
  }

  sendable() {
    if (this.end !== null) throw new Error(`nothing can be sent: ${this.closed()}`);
    return this.ws;
  }

  // Takes what comes until it is what is expected; with `skip`, other messages are passed over.
  async take(within, skip, message, end) {
    const until = Date.now() + within;
    let nearest = null;
    for (;;) {
      while (this.messages.length > 0) {
        try {
          return message(this.messages.shift());
        } catch (wrong) {
          if (!skip) throw wrong;
          nearest = wrong;
        }
      }
      if (this.end !== null) return end(this);
      if (Date.now() >= until) break;
      await this.moved(until);
    }
    if (nearest === null) throw new Error(`nothing came within ${within} ms`);
    throw new Error(`it did not come within ${within} ms; the last: ${nearest.message}`);
  }

  code() {
    return this.end.code === undefined ? 1006 : this.end.code;
  }

  closed() {
    if (this.code() !== 1006) return `closed by peer: ${this.code()} ${JSON.stringify(this.end.reason || "")}`;
    return "the connection was lost without a Close (or this k6 is too old to tell close codes)";
  }
}

// A message and what is expected of it; what is not so throws.
class Message {
  constructor(data) {
    this.data = data;
    this.kept = {};
  }

  must(is, why) {
    if (!is) throw new Error(`came: ${shown(this.data)}: ${why}`);
  }

  opcode(name) {
    this.must((typeof this.data === "string" ? "text" : "binary") === name, `it is not ${name}`);
  }

  payload(expected) {
    this.must(b64encode(this.data) === b64encode(expected), "it is another");
  }

  // JSON is compared as what it means.
  json(expected) {
    if (b64encode(this.data) === b64encode(expected)) return;
    this.must(same(read(expected), this.read(), sameNumber), "it means something else");
  }

  length(bytes) {
    const base64 = b64encode(this.data);
    const is = (base64.length / 4) * 3 - (base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0);
    this.must(is === bytes, `it has ${is} bytes, not ${bytes}`);
  }

  matches(regex) {
    this.must(regex.test(this.text()), "the regex matches nothing in it");
  }

  holds(value) {
    this.must(isTrue(value), `jq gives ${written(value)}`);
  }

  keep(name, value) {
    this.kept[name] = written(value);
  }

  // What jq finds at a path: a name for an object, a number for an array.
  at(...path) {
    let value = this.read();
    for (const step of path) {
      if (value === null) continue;
      const isList = Array.isArray(value);
      this.must(isList ? typeof step === "number" : typeof value === "object" && typeof step === "string", "jq cannot go there");
      const found = isList ? value[step < 0 ? value.length + step : step] : value[`s${step}`];
      value = found === undefined ? null : found;
    }
    return value;
  }

  text() {
    if (typeof this.data === "string") return this.data;
    const base64 = b64encode(this.data);
    const text = b64decode(base64, "std", "s");
    this.must(b64encode(text) === base64, "it is not UTF-8");
    return text;
  }

  read() {
    const text = this.text();
    try {
      return read(text);
    } catch (error) {
      return this.must(false, "it is no JSON");
    }
  }
}

// JSON whose numbers stay as they are written: JavaScript would round them. A string begins with s, keys
// too, and a number with n.
function read(json) {
  JSON.parse(json);
  const token = /"((?:[^"\\]|\\.)*)"|(-?\d[\d.eE+-]*)/g;
  return JSON.parse(json.replace(token, (all, text, number) => (number === undefined ? `"s${text}"` : `"n${number}"`)));
}

function written(value) {
  if (isString(value)) return JSON.stringify(value.slice(1));
  if (isNumber(value)) return value.slice(1);
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  if (value === null || typeof value === "boolean") return String(value);
  return `{${Object.keys(value).map((key) => `${JSON.stringify(key.slice(1))}:${written(value[key])}`).join(",")}}`;
}

function isString(value) {
  return typeof value === "string" && value[0] === "s";
}

function isNumber(value) {
  return typeof value === "string" && value[0] === "n";
}

function isTrue(value) {
  return value !== false && value !== null;
}

function same(a, b, sameNumbers) {
  if (isNumber(a) && isNumber(b)) return sameNumbers(a.slice(1), b.slice(1));
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return a === b;
  const keys = Object.keys(a);
  const isLike = Array.isArray(a) === Array.isArray(b) && keys.length === Object.keys(b).length;
  return isLike && keys.every((key) => b[key] !== undefined && same(a[key], b[key], sameNumbers));
}

function isInteger(digits) {
  return /^-?\d+$/.test(digits);
}

function sameNumber(a, b) {
  if (isInteger(a) && isInteger(b)) return a === b || (/^-?0$/.test(a) && /^-?0$/.test(b));
  return Number(a) === Number(b);
}

function equal(a, b) {
  return same(a, b, sameNumber);
}

// Less than, equal to or greater than 0, as jq sorts; one of both is a number that JavaScript has exactly.
function order(a, b) {
  if (isNumber(a) && isNumber(b)) return Number(a.slice(1)) - Number(b.slice(1));
  return rank(a) - rank(b);
}

function rank(value) {
  if (value === null || value === false) return value === null ? 0 : 1;
  if (value === true) return 2;
  if (typeof value === "string") return isNumber(value) ? 3 : 4;
  return Array.isArray(value) ? 5 : 6;
}

// A text that matches itself.
function literal(text) {
  return text.replace(/[\^$\\.*+?()[\]{}|\/]/g, "\\$&");
}

function shown(data) {
  if (typeof data !== "string") return `binary, base64 ${b64encode(data).slice(0, 200)}`;
  return `text ${JSON.stringify(data.slice(0, 200))}${data.length > 200 ? "…" : ""}`;
}
