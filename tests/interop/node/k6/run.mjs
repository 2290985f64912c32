// As `k6 run SCRIPT`: once, with a line for each check. It ends with 99 when one failed and with 107 when the script cannot
// be loaded, as k6 does.
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';

const modules = new URL('modules.mjs', import.meta.url).href;
const resolve = `
const KNOWN = ['k6', 'k6/encoding', 'k6/timers', 'k6/websockets'];
export function resolve(name, context, next) {
  return KNOWN.includes(name) ? { url: ${JSON.stringify(modules)}, shortCircuit: true } : next(name, context);
}`;
register(`data:text/javascript,${encodeURIComponent(resolve)}`);

const { checks } = await import(modules);
globalThis.__ENV = { ...process.env };
let script;
try {
  script = await import(pathToFileURL(process.argv[2]));
} catch (error) {
  console.error(error.message);
  process.exit(107);
}
if (script.options.thresholds.checks[0] !== 'rate==1') process.exit(1);
try {
  await script.default();
} catch (error) {
  console.error(error.message);
}
for (const { name, passed } of checks) console.log(`${passed ? 'ok' : 'FAIL'} ${name}`);
process.exitCode = checks.every(({ passed }) => passed) ? 0 : 99;
