// node grpc_client.mjs ADDRESS: every call of the module's service with @grpc/grpc-js, as JSON on standard output:
// {"GetStatus": {…}, …, "health": "SERVING", "watch": "SERVING", "unknownService": 5, "errors": {"big": 8, …}}
import path from "node:path";
import { fileURLToPath } from "node:url";
import { createRequire } from "node:module";

const here = path.dirname(fileURLToPath(import.meta.url));
const require = createRequire(path.join(here, "../package.json"));
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const address = process.argv[2];
const load = (file) => grpc.loadPackageDefinition(loader.loadSync(file, { keepCase: true, longs: Number, enums: String, defaults: true }));
const { marchproxy } = load(path.join(here, "../../proto/marchproxy/module.proto"));
const { grpc: standard } = load(path.join(here, "health.proto"));
const insecure = grpc.credentials.createInsecure();
const module_ = new marchproxy.ModuleService(address, insecure);
const health = new standard.health.v1.Health(address, insecure);

const soon = () => ({ deadline: Date.now() + 10000 });
const call = (client, method, request = {}, metadata = new grpc.Metadata(), options = soon()) =>
  new Promise((resolve, reject) => client[method](request, metadata, options, (error, answer) => (error ? reject(error) : resolve(answer))));
const code = (promise) => promise.then(() => 0, (error) => error.code);

// A call of any bytes to any method.
const raw = (method, bytes, metadata, options = soon(), client = module_) =>
  new Promise((resolve) => client.makeUnaryRequest(method, (x) => x, (x) => x, bytes, metadata ?? new grpc.Metadata(), options,
    (error) => resolve(error ? error.code : 0)));

const result = { errors: {} };
for (const method of ["GetStatus", "GetRoutes", "GetMetrics", "HealthCheck"]) result[method] = await call(module_, method);
result.health = (await call(health, "Check", { service: "marchproxy.ModuleService" })).status;
result.whole = (await call(health, "Check", {})).status;
result.unknownService = await code(call(health, "Check", { service: "nobody" }));
result.watch = await new Promise((resolve, reject) => {
  const watch = health.Watch({ service: "marchproxy.ModuleService" }, new grpc.Metadata(), soon());
  watch.on("data", (answer) => { resolve(answer.status); watch.cancel(); });
  watch.on("error", (error) => reject(error));
});
const path_ = "/marchproxy.ModuleService/";
const large = new grpc.Metadata();
large.add("x-large", "a".repeat(64 << 10));
result.errors.unknownMethod = await raw(path_ + "Nothing", Buffer.alloc(0));
result.errors.unknownPackage = await raw("/nobody.Service/Call", Buffer.alloc(0));
result.errors.large = await raw(path_ + "GetStatus", Buffer.alloc(5 << 20));
result.errors.malformed = await raw(path_ + "GetStatus", Buffer.from([0x0a, 0xff, 0xff]));
// On a connection of its own, which the server may drop with it.
const alone = new marchproxy.ModuleService(address, insecure, { "grpc.use_local_subchannel_pool": 1 });
result.errors.metadata = await raw(path_ + "GetStatus", Buffer.alloc(0), large, soon(), alone);
result.errors.past = await raw(path_ + "GetStatus", Buffer.alloc(0), undefined, { deadline: Date.now() - 1 });
result.errors.soon = await raw(path_ + "GetRoutes", Buffer.alloc(0), undefined, { deadline: Date.now() + 1 });
result.errors.reflection = await raw("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Buffer.alloc(0));
console.log(JSON.stringify(result));
process.exit(0);
