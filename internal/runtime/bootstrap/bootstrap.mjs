// Runs a JavaScript function: asks the runtime API for invocations, one at a time.
import http from "node:http";
import fs from "node:fs";
import path from "node:path";
import util from "node:util";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const env = process.env;
let requestId = "";

function call(method, tail, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const bytes = body === undefined ? undefined : Buffer.from(body);
    if (bytes) headers["Content-Length"] = bytes.length;
    const r = http.request({ host, port, agent, method, path: "/2018-06-01/runtime" + tail, headers }, (answer) => {
      const parts = [];
      answer.on("data", (b) => parts.push(b));
      answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(parts).toString("utf8") }));
      answer.on("error", reject);
    });
    r.on("error", reject);
    r.end(bytes);
  });
}

for (const [method, level] of Object.entries({ log: "INFO", info: "INFO", debug: "DEBUG", trace: "TRACE", warn: "WARN", error: "ERROR" })) {
  console[method] = (...args) => {
    const text = util.format(...args).replaceAll("\n", "\r");
    fs.writeSync(1, `${new Date().toISOString()}\t${requestId || "undefined"}\t${level}\t${text}\n`);
  };
}

function describe(e) {
  if (e instanceof Error) {
    return { errorType: e.name, errorMessage: e.message, trace: (e.stack || "").split("\n") };
  }
  return { errorType: typeof e, errorMessage: String(e), trace: [] };
}

class PlatformError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

async function load() {
  const full = env._HANDLER;
  const base = path.basename(full);
  const dot = base.indexOf(".");
  if (dot < 0) throw new PlatformError("Runtime.MalformedHandlerName", "Bad handler");
  const file = path.resolve(env.LAMBDA_TASK_ROOT, path.dirname(full), base.slice(0, dot));
  let loaded;
  try {
    const found = ["", ".js", ".mjs", ".cjs"].map((x) => file + x).find((f) => fs.statSync(f, { throwIfNoEntry: false })?.isFile());
    if (found?.endsWith(".mjs") || (found?.endsWith(".js") && isModule(path.dirname(found)))) {
      loaded = await import(pathToFileURL(found).href);
    } else {
      loaded = createRequire(path.join(env.LAMBDA_TASK_ROOT, "x"))(found || file);
    }
  } catch (e) {
    if (e instanceof SyntaxError) throw new PlatformError("Runtime.UserCodeSyntaxError", e.stack || String(e));
    if (e?.code === "MODULE_NOT_FOUND" || e?.code === "ERR_MODULE_NOT_FOUND") {
      throw new PlatformError("Runtime.ImportModuleError", `Error: ${e.message}`);
    }
    throw e;
  }
  let handler = loaded;
  for (const part of base.slice(dot + 1).split(".")) handler = handler?.[part] ?? handler?.default?.[part];
  if (handler === undefined) throw new PlatformError("Runtime.HandlerNotFound", `${full} is undefined or not exported`);
  if (typeof handler !== "function") throw new PlatformError("Runtime.HandlerNotFound", `${full} is not a function`);
  return handler;
}

function isModule(dir) {
  for (; dir.startsWith(env.LAMBDA_TASK_ROOT); dir = path.dirname(dir)) {
    const f = path.join(dir, "package.json");
    if (fs.existsSync(f)) return JSON.parse(fs.readFileSync(f, "utf8")).type === "module";
  }
  return false;
}

function contextOf(h) {
  const deadline = Number(h["lambda-runtime-deadline-ms"]);
  const client = h["lambda-runtime-client-context"];
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    awsRequestId: h["lambda-runtime-aws-request-id"],
    invokedFunctionArn: h["lambda-runtime-invoked-function-arn"],
    clientContext: client ? JSON.parse(client) : undefined,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, answer) => (error === undefined || error === null ? resolve(answer) : reject(error));
    context.succeed = resolve;
    context.fail = reject;
    context.done = callback;
    const out = handler(event, context, callback);
    if (typeof out?.then === "function") out.then(resolve, reject);
    else if (handler.length < 3 && out !== undefined) resolve(out);
    else if (handler.length < 2) resolve(out);
  });
}

async function fail(tail, e) {
  const what = describe(e);
  console.error("Invoke Error", JSON.stringify({ errorType: what.errorType, errorMessage: what.errorMessage, stack: what.trace }));
  await call("POST", tail, JSON.stringify(what), {
    "Content-Type": "application/json",
    "Lambda-Runtime-Function-Error-Type": what.errorType.replace(/[^\x20-\x7e]/g, "?"),
  });
}

let handler;
try {
  handler = await load();
} catch (e) {
  await fail("/init/error", e);
  process.exit(1);
}
for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.on(event, async (e) => {
    if (requestId) await fail(`/invocation/${requestId}/error`, e);
    process.exit(128 + 1);
  });
}
for (;;) {
  const { headers, body } = await call("GET", "/invocation/next");
  requestId = headers["lambda-runtime-aws-request-id"];
  if (headers["lambda-runtime-trace-id"]) env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
  const tail = `/invocation/${requestId}`;
  try {
    const answer = await run(handler, JSON.parse(body), contextOf(headers));
    await call("POST", tail + "/response", answer === undefined ? "null" : JSON.stringify(answer) ?? "null", { "Content-Type": "application/json" });
  } catch (e) {
    await fail(tail + "/error", e);
  }
}
